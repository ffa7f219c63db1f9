import { keyBytes, maxKeyBytes, RapportError, weighsAtMost } from '@rapport/kernel';
import type { NewRecord } from './event-log.js';

/** Key, headers and value together; below Kafka's default `message.max.bytes`, so that both adapters refuse alike. */
export const maxRecordBytes = 1_000_000;
/** Longest key, as `keyBytes` measures. */
export const maxRecordKeyBytes = 2 * maxKeyBytes;

/** Throws EVENT_LOG_RECORD_TOO_LARGE or EVENT_LOG_KEY_INVALID before anything of the call is written. */
export function checkRecord(topic: string, record: NewRecord): void {
  if (record.key.length === 0 || !weighsAtMost(record.key, maxRecordKeyBytes)) {
    throw new RapportError(
      'EVENT_LOG_KEY_INVALID',
      'invalid',
      `a record for ${topic} has a key of ${keyBytes(record.key)} bytes; expected 1 to ${maxRecordKeyBytes}`,
    );
  }
  const bytes = record.value?.byteLength ?? 0;
  if (bytes > maxRecordBytes) {
    throw new RapportError(
      'EVENT_LOG_RECORD_TOO_LARGE',
      'too_large',
      `a record for ${topic} has ${bytes} bytes; at most ${maxRecordBytes} are taken, so store the content elsewhere and append where it is`,
    );
  }
}

export const topicMissing = (topic: string): RapportError =>
  new RapportError(
    'EVENT_LOG_TOPIC_MISSING',
    'not_found',
    `topic ${topic} does not exist; create the topics first (ensureTopics, or: rapport topics apply)`,
  );
