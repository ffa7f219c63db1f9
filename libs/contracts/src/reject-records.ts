import { cloudEventHeaders, topics, type RejectedEvent } from './topics.js';

/** The most that is kept of what was rejected, in bytes. */
export const maxOriginalBytes = 32 * 1024;
/** Where details quote what came, they may be as long as that. */
const maxDetailLength = 2_000;

/** What is told of something that a room could not take; `stage` and the instant are added when it is written. */
export interface Rejection extends Omit<RejectedEvent, 'stage' | 'rejectedAt' | 'original'> {
  /** Whole: what is too long is cut when it is written. */
  readonly original: string | Uint8Array;
}

/** A record for the event log. */
export interface RejectionRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

/** The part of the event log that is needed. */
export interface RejectionLog {
  append(topic: string, records: readonly RejectionRecord[]): Promise<unknown>;
}

/** Puts into `events.rejected.v1` what a room could not take; resolves when it is durable. */
export async function rejectRecords(
  log: RejectionLog,
  stage: string,
  rejections: readonly Rejection[],
  nowMs: number,
): Promise<void> {
  if (rejections.length === 0) return;
  await log.append(
    topics.rejected.name,
    rejections.map((rejection) => rejectionRecord(stage, rejection, nowMs)),
  );
}

/** A rejection as a record of its topic. */
export function rejectionRecord(stage: string, rejection: Rejection, nowMs: number): RejectionRecord {
  const rejectedAt = new Date(nowMs).toISOString();
  const whole: RejectedEvent = {
    stage,
    ...rejection,
    detail: rejection.detail.slice(0, maxDetailLength),
    rejectedAt,
    original: cut(rejection.original),
  };
  const place = placeOf(whole);
  return {
    key: place ?? whole.messageId ?? stage,
    value: Buffer.from(JSON.stringify(whole), 'utf8'),
    headers: cloudEventHeaders(
      topics.rejected.name,
      place === undefined ? (whole.messageId ?? stage) : `${place}@${stage}`,
      rejectedAt,
    ),
    timestampMs: nowMs,
  };
}

/**
 * Where it stood: `topic/partition/offset` of a record, `collection/id` of a document; undefined for what stood nowhere.
 * The same place at the same stage is the same refusal, however often it is written.
 */
export function placeOf({
  position,
  document,
}: Pick<RejectedEvent, 'position' | 'document'>): string | undefined {
  if (position !== undefined) return `${position.topic}/${position.partition}/${position.offset}`;
  return document === undefined ? undefined : `${document.collection}/${document.id}`;
}

function cut(original: string | Uint8Array): string {
  if (typeof original === 'string' && original.length * 3 <= maxOriginalBytes) return original;
  const bytes = Buffer.from(original as string);
  // A character that the cut goes through becomes U+FFFD; it is the last one.
  return bytes.toString('utf8', 0, maxOriginalBytes);
}
