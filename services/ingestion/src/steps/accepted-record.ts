import { cloudEventHeaders, topics, type AcceptedEvent } from '@rapport/contracts';
import type { SinkRecord } from '../ports/event-sink.js';

/** An accepted event as a record of its topic. */
export function acceptedRecord(event: AcceptedEvent, value: Uint8Array, receivedAtMs: number): SinkRecord {
  return {
    key: event.origin,
    value,
    headers: cloudEventHeaders(topics.accepted.name, event.messageId, event.timestamp),
    timestampMs: receivedAtMs,
  };
}
