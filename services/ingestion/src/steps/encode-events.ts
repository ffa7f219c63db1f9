import { cloudEventHeaders, topics, type AcceptedEvent, type RejectedEvent } from '@rapport/contracts';
import type { SinkRecord } from '../ports/event-sink.js';

/** The most that is kept of what was rejected. */
export const maxOriginalBytes = 32 * 1024;

/** An accepted event as a record of its topic. */
export function acceptedRecord(event: AcceptedEvent, value: Uint8Array, receivedAtMs: number): SinkRecord {
  return {
    key: event.origin,
    value,
    headers: cloudEventHeaders(topics.accepted.name, event.messageId, event.timestamp),
    timestampMs: receivedAtMs,
  };
}

/** A rejection as a record of its topic. */
export function rejectionRecord(
  rejection: Omit<RejectedEvent, 'stage' | 'messageId'> & { readonly messageId: string },
  receivedAtMs: number,
): SinkRecord {
  const whole: RejectedEvent = { stage: 'ingestion', ...rejection, original: cut(rejection.original) };
  return {
    key: rejection.messageId,
    value: Buffer.from(JSON.stringify(whole), 'utf8'),
    headers: cloudEventHeaders(topics.rejected.name, rejection.messageId, rejection.rejectedAt),
    timestampMs: receivedAtMs,
  };
}

function cut(text: string): string {
  if (text.length * 3 <= maxOriginalBytes) return text;
  const bytes = Buffer.from(text, 'utf8');
  // A character that the cut goes through becomes U+FFFD; it is the last one.
  return bytes.length <= maxOriginalBytes ? text : bytes.toString('utf8', 0, maxOriginalBytes);
}
