import { cloudEventHeaders, topics } from '@rapport/contracts';
import type { LogRecord, NewRecord } from '@rapport/event-log';
import type { ProfileId } from '@rapport/kernel';
import type { AcceptedRecord } from '../domain/accepted-record.js';

const closingBrace = 0x7d;

/** The event as it came, with whose it is: written behind its last property, because parsing it anew says nothing more. */
export function identifiedRecord(
  { record, event }: AcceptedRecord<LogRecord>,
  profileId: ProfileId,
): NewRecord {
  const { partition, offset } = record;
  const added = Buffer.from(
    `,"profileId":"${profileId}","acceptedAt":{"partition":${partition},"offset":${offset}}}`,
    'utf8',
  );
  const value = record.value ?? new Uint8Array();
  const end = value.lastIndexOf(closingBrace);
  return {
    key: profileId,
    value: Buffer.concat([value.subarray(0, end), added]),
    headers: cloudEventHeaders(topics.identified.name, event.messageId, event.timestamp),
    timestampMs: record.timestampMs,
  };
}
