import type { AcceptedEvent, JsonObject } from '@rapport/contracts';
import { envelopeOf } from '../domain/accepted-json.js';

/** UTF-8 needs at most so many bytes for a UTF-16 unit. */
const bytesPerUnit = 3;
const propertiesName = Buffer.from(',"properties":');
const traitsName = Buffer.from(',"traits":');
const contextName = Buffer.from(',"context":');
const closingBrace = 0x7d;
/** Events are written into pieces of memory of this size, one behind the other. */
const slabBytes = 64 * 1024;

/**
 * Writes accepted events as JSON one behind the other into memory that many of them share: no text of a whole event
 * is ever made, and no piece of memory for each.
 */
export class EventEncoder {
  #buffer = Buffer.allocUnsafe(slabBytes);
  #length = 0;

  /** The event's bytes; they stay as they are whatever is encoded after it. */
  encode(event: AcceptedEvent): Buffer {
    const { properties, traits, context } = event;
    const envelope = envelopeOf(event);
    const propertiesJson = textOf(properties);
    const traitsJson = textOf(traits);
    const contextJson = textOf(context);
    const units = envelope.length + propertiesJson.length + traitsJson.length + contextJson.length + 64;
    this.#reserve(units * bytesPerUnit);
    const start = this.#length;
    this.#write(envelope);
    if (properties !== undefined) this.#writeField(propertiesName, propertiesJson);
    if (traits !== undefined) this.#writeField(traitsName, traitsJson);
    if (context !== undefined) this.#writeField(contextName, contextJson);
    this.#buffer[this.#length++] = closingBrace;
    return this.#buffer.subarray(start, this.#length);
  }

  #writeField(name: Uint8Array, json: string): void {
    // A dozen bytes: copied one by one they cost less than a call out of JavaScript.
    for (let index = 0; index < name.length; index++) this.#buffer[this.#length++] = name[index] ?? 0;
    this.#write(json);
  }

  #write(text: string): void {
    this.#length += this.#buffer.write(text, this.#length, 'utf8');
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafe(Math.max(bytes, slabBytes));
    this.#length = 0;
  }
}

function textOf(field: JsonObject | undefined): string {
  return field === undefined ? '' : JSON.stringify(field);
}
