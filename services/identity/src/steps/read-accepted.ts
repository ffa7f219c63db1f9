import type { AcceptedEvent } from '@rapport/contracts';
import type { LogRecord } from '@rapport/event-log';
import { messageOf, pass, reject, type Outcome } from '@rapport/kernel';
import { identityCodes } from '../identity.errors.js';

/** A record of events.accepted.v1 that can be read. */
export interface AcceptedRecord {
  readonly record: LogRecord;
  readonly event: AcceptedEvent;
  /** Event time, milliseconds since the epoch. */
  readonly atMs: number;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Reads a record, as far as this room relies on it; what is not an accepted event is refused. */
export function readAccepted(record: LogRecord): Outcome<AcceptedRecord> {
  let event: Partial<AcceptedEvent> | null;
  try {
    event = JSON.parse(textOf(record.value)) as Partial<AcceptedEvent> | null;
  } catch (thrown) {
    return unreadable(`expected an accepted event as JSON: ${messageOf(thrown)}`);
  }
  if (event === null || typeof event !== 'object')
    return unreadable('expected an accepted event as a JSON object');
  const { origin, identifiers, messageId, timestamp } = event;
  if (!isText(origin) || origin.indexOf(':') < 1) return unreadable('expected origin as type:value');
  if (!isText(messageId)) return unreadable('expected messageId as text');
  if (!Array.isArray(identifiers) || !identifiers.every(isText))
    return unreadable('expected identifiers as a list of texts');
  const atMs = isText(timestamp) ? Date.parse(timestamp) : NaN;
  if (Number.isNaN(atMs)) return unreadable('expected timestamp as an ISO 8601 instant');
  return pass({ record, event: event as AcceptedEvent, atMs });
}

const unreadable = (detail: string): Outcome<never> => reject(identityCodes.recordUnreadable, detail);

/** The text of a record's value; a tombstone has none. */
export const textOf = (value: Uint8Array | null): string =>
  value === null ? '' : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
