import { rejectionRecord } from '@rapport/contracts';
import {
  acceptEvent,
  maxLevels,
  readMessageId,
  type EntranceRules,
  type RawEvent,
} from '../domain/accept-event.js';
import { ignoredOf } from '../domain/ignored.js';
import { holdsNul, kindOf, Refused } from '../domain/json-fields.js';
import type { Arrivals } from '../domain/arrivals.js';
import type { Verdict } from '../domain/verdicts.js';
import type { SinkRecord } from '../ports/event-sink.js';
import { acceptedRecord } from './accepted-record.js';
import type { EventEncoder } from './event-encoder.js';

/** What the front door calls itself in `events.rejected.v1`. */
export const ingestionStage = 'ingestion';

/** What checking needs beside the event. */
export interface CheckParts {
  readonly rules: EntranceRules;
  readonly newMessageId: () => string;
  readonly encoder: EventEncoder;
}

/** Where the records of a request gather, by topic. */
export interface Gathered {
  readonly accepted: SinkRecord[];
  readonly rejected: SinkRecord[];
}

/** Checks one event of a request, adds what is to be kept of it to what was gathered, and answers the verdict. */
export function checkEvent(
  given: unknown,
  arrivals: Arrivals,
  parts: CheckParts,
  gathered: Gathered,
): Verdict {
  const { arrival, maxEventBytes } = arrivals;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const refused = new Refused(
      'INGESTION_EVENT_SHAPE',
      `expected an event as a JSON object; got ${kindOf(given)}`,
    );
    return refuse(refused, given, parts.newMessageId(), arrivals, gathered);
  }
  const raw = given as RawEvent;
  const ownMessageId = readMessageId(raw);
  if (ownMessageId instanceof Refused)
    return refuse(ownMessageId, raw, parts.newMessageId(), arrivals, gathered);
  const messageId = ownMessageId ?? parts.newMessageId();
  const event = acceptEvent(raw, messageId, arrival, parts.rules);
  if (event instanceof Refused) return refuse(event, raw, messageId, arrivals, gathered);
  const value = parts.encoder.encode(event);
  if (value.includes(escapedNul) && holdsNul(event))
    return refuse(nulWithin(), raw, messageId, arrivals, gathered);
  // A small body can become a large record: 1e20 is written out.
  if (arrivals.totalBytes > maxEventBytes || value.length > maxEventBytes + slackBytes) {
    const bytes = sizeOf(raw, value.length, maxEventBytes);
    if (!(bytes <= maxEventBytes))
      return refuse(tooLarge(bytes, maxEventBytes), raw, messageId, arrivals, gathered);
  }
  gathered.accepted.push(acceptedRecord(event, value, arrival.receivedAtMs));
  if (event.trust === undefined) return { messageId, accepted: true };
  const ignored = ignoredOf(event);
  return { messageId, accepted: true, ...(ignored.length === 0 ? {} : { ignored }) };
}

// Names of events and of traits become keys of documents, and MongoDB's must not hold it.
const nulWithin = (): Refused =>
  new Refused(
    'INGESTION_TEXT_INVALID',
    'expected text without the character U+0000; take it out of the event',
  );
const escapedNul = Buffer.from('\\u0000');

function tooLarge(bytes: number, maxEventBytes: number): Refused {
  return Number.isNaN(bytes)
    ? new Refused(
        'INGESTION_EVENT_TOO_DEEP',
        `expected at most ${maxLevels} levels of nesting; flatten the event`,
      )
    : new Refused(
        'INGESTION_EVENT_TOO_LARGE',
        `expected at most ${maxEventBytes} bytes of JSON per event; got ${bytes}`,
      );
}

/** Fields whose whole content is in the encoded record. */
const kept = new Set([
  'type',
  'messageId',
  'userId',
  'anonymousId',
  'timestamp',
  'originalTimestamp',
  'sentAt',
  'properties',
  'traits',
  'context',
]);
/** What the accepted form can be shorter by than the event was, apart from the fields that it does not have. */
const slackBytes = 512;
/** UTF-8 needs at most so many bytes for a UTF-16 unit. */
const bytesPerUnit = 3;

/** The size of an event as compact JSON, or a bound below the limit where that settles it; NaN when it nests too deeply to be written. */
function sizeOf(raw: RawEvent, encodedBytes: number, maxEventBytes: number): number {
  try {
    let bound = encodedBytes + slackBytes;
    for (const field in raw) {
      if (kept.has(field)) continue;
      const value = raw[field];
      if (typeof value === 'string') bound += value.length * bytesPerUnit;
      else if (typeof value === 'object' && value !== null)
        bound += JSON.stringify(value).length * bytesPerUnit;
      else bound += 24;
    }
    return bound <= maxEventBytes ? bound : Buffer.byteLength(JSON.stringify(raw), 'utf8');
  } catch {
    return NaN;
  }
}

function refuse(
  refused: Refused,
  given: unknown,
  messageId: string,
  arrivals: Arrivals,
  gathered: Gathered,
): Verdict {
  const { arrival } = arrivals;
  const { code, detail } = refused;
  if (arrivals.replayed !== true) {
    const original = originalOf(given, messageId, arrivals);
    const { source, trust, receivedAtMs } = arrival;
    const by = { source, ...(trust === undefined ? {} : { trust }) };
    gathered.rejected.push(
      rejectionRecord(ingestionStage, { messageId, ...by, code, detail, original }, receivedAtMs),
    );
  }
  return { messageId, accepted: false, code, detail };
}

/** The event as a replay needs it: with what it took from its batch and with the messageId that its verdict names. */
function originalOf(given: unknown, messageId: string, { arrival }: Arrivals): string {
  try {
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      return JSON.stringify(given) ?? '';
    const raw = given as RawEvent;
    return JSON.stringify({
      ...raw,
      ...(raw['type'] === undefined && arrival.type !== undefined ? { type: arrival.type } : {}),
      ...(raw['messageId'] === undefined ? { messageId } : {}),
      ...(raw['sentAt'] === undefined && typeof arrival.sentAt === 'string'
        ? { sentAt: arrival.sentAt }
        : {}),
      ...(raw['context'] === undefined && arrival.context !== undefined ? { context: arrival.context } : {}),
    });
  } catch {
    // Nested beyond what the stack holds: the reason stays, the text cannot.
    return '';
  }
}
