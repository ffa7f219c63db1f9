import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { RapportError } from '@rapport/kernel';
import type { ingestionProto } from '@rapport/contracts';
import { maxLevels } from '../domain/accept-event.js';

/** A request as it came over the wire. */
export interface ArrivedRequest extends ingestionProto.AcceptRequest {
  /** Bytes of the message, after decompression. */
  readonly arrivedBytes: number;
}

/** Texts of an event by their field number in ingestion.proto. */
const texts = [
  undefined,
  'type',
  'messageId',
  'userId',
  'anonymousId',
  'event',
  'name',
  'category',
  'groupId',
  'previousId',
] as const;
const timestampField = 13;
/** Objects of an event by their field number. */
const objects: Readonly<Record<number, 'properties' | 'traits' | 'context'>> = {
  10: 'properties',
  11: 'traits',
  12: 'context',
};

type JsonValue = string | number | boolean | null | undefined | { [key: string]: JsonValue } | JsonValue[];

/**
 * Reads AcceptRequest and AcceptStreamRequest, which have the same fields, and differs from the generated decoder in
 * what a stranger's message can do. Events are counted before one is made. Their objects become JSON without a message
 * in between for each value, however deep they nest: what lies below the level at which an event is refused is passed
 * over, so that the refusal is a verdict like any other and the neighbours keep theirs.
 */
export function readAcceptRequest(input: BinaryReader | Uint8Array, maxBatchEvents: number): ArrivedRequest {
  const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
  let count = 0;
  for (let tag = nextTag(reader, reader.len); tag !== 0; tag = nextTag(reader, reader.len)) {
    if (tag === eventTag) count++;
    pass(reader, tag);
  }
  if (count > maxBatchEvents) {
    throw new RapportError(
      'INGESTION_BATCH_TOO_MANY',
      'invalid',
      `events: expected at most ${maxBatchEvents}; got ${count}; nothing of it was accepted`,
    );
  }
  const request = {
    writeKey: '',
    events: [] as ingestionProto.Event[],
    sentAt: '',
    arrivedBytes: reader.len,
  };
  reader.pos = 0;
  for (let tag = nextTag(reader, reader.len); tag !== 0; tag = nextTag(reader, reader.len)) {
    if (tag === eventTag) request.events.push(readEvent(reader, endOf(reader)));
    else if (tag === tagOf(1)) request.writeKey = reader.string();
    else if (tag === tagOf(3)) request.sentAt = reader.string();
    else pass(reader, tag);
  }
  return request;
}

const tagOf = (field: number, type: number = WireType.LengthDelimited): number => (field << 3) | type;
const eventTag = tagOf(2);
const delimited: number = WireType.LengthDelimited;
const isDelimited = (tag: number): boolean => (tag & 7) === delimited;

/** The next field's tag; 0 at the end. */
function nextTag(reader: BinaryReader, end: number): number {
  if (reader.pos >= end) return 0;
  const [field, type] = reader.tag();
  return tagOf(field, type);
}

/** Where the message ends whose length comes next. */
function endOf(reader: BinaryReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('premature EOF');
  return end;
}

/** Passes over a field; for the usual kind without making anything. */
function pass(reader: BinaryReader, tag: number): void {
  if (isDelimited(tag)) reader.pos = endOf(reader);
  else reader.skip(tag & 7, tag >>> 3);
}

function readEvent(reader: BinaryReader, end: number): ingestionProto.Event {
  const event: ingestionProto.Event = {
    type: '',
    messageId: '',
    userId: '',
    anonymousId: '',
    event: '',
    name: '',
    category: '',
    groupId: '',
    previousId: '',
    properties: undefined,
    traits: undefined,
    context: undefined,
    timestamp: '',
  };
  for (let tag = nextTag(reader, end); tag !== 0; tag = nextTag(reader, end)) {
    const field = tag >>> 3;
    const text = field === timestampField ? 'timestamp' : texts[field];
    const object = objects[field];
    if (!isDelimited(tag)) pass(reader, tag);
    else if (text !== undefined) event[text] = reader.string();
    else if (object !== undefined) event[object] = readStruct(reader, endOf(reader), 1);
    else pass(reader, tag);
  }
  return event;
}

/** google.protobuf.Struct; `level` is its own, as JSON counts. */
function readStruct(reader: BinaryReader, end: number, level: number): { [key: string]: JsonValue } {
  const fields: { [key: string]: JsonValue } = {};
  if (level > maxLevels) {
    reader.pos = end;
    return fields;
  }
  for (let tag = nextTag(reader, end); tag !== 0; tag = nextTag(reader, end)) {
    if (tag !== tagOf(1)) {
      pass(reader, tag);
      continue;
    }
    const entryEnd = endOf(reader);
    let key = '';
    let value: JsonValue;
    for (let inner = nextTag(reader, entryEnd); inner !== 0; inner = nextTag(reader, entryEnd)) {
      if (inner === tagOf(1)) key = reader.string();
      else if (inner === tagOf(2)) value = readValue(reader, endOf(reader), level);
      else pass(reader, inner);
    }
    // As in JSON bodies: later copies of the object would set its prototype.
    if (value !== undefined && key !== '__proto__') fields[key] = value;
  }
  return fields;
}

/** google.protobuf.Value; undefined where it says nothing. */
function readValue(reader: BinaryReader, end: number, level: number): JsonValue {
  let value: JsonValue;
  for (let tag = nextTag(reader, end); tag !== 0; tag = nextTag(reader, end)) {
    if (tag === tagOf(1, WireType.Varint)) {
      reader.int32();
      value = null;
    } else if (tag === tagOf(2, WireType.Bit64)) value = reader.double();
    else if (tag === tagOf(3)) value = reader.string();
    else if (tag === tagOf(4, WireType.Varint)) value = reader.bool();
    else if (tag === tagOf(5)) value = readStruct(reader, endOf(reader), level + 1);
    else if (tag === tagOf(6)) value = readList(reader, endOf(reader), level + 1);
    else pass(reader, tag);
  }
  return value;
}

/** google.protobuf.ListValue; a value that says nothing is null, as JSON would have it. */
function readList(reader: BinaryReader, end: number, level: number): JsonValue[] {
  const values: JsonValue[] = [];
  if (level > maxLevels) {
    reader.pos = end;
    return values;
  }
  for (let tag = nextTag(reader, end); tag !== 0; tag = nextTag(reader, end)) {
    if (tag === tagOf(1)) values.push(readValue(reader, endOf(reader), level) ?? null);
    else pass(reader, tag);
  }
  return values;
}
