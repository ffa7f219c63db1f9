import { cloudEventHeaders, encodeJson, topics, type RejectedEvent } from '@rapport/contracts';
import type { NewRecord } from '@rapport/event-log';
import type { Clock, ProfileId, Refusal } from '@rapport/kernel';
import type { LogRecord } from '@rapport/event-log';
import { textOf, type AcceptedRecord } from './read-accepted.js';

/** The most that is kept of what was rejected, in characters: 32 KiB of ASCII. */
const maxOriginalLength = 32 * 1024;
const closingBrace = 0x7d;

/** The event as it came, with whose it is: written behind its last property, because parsing it anew says nothing more. */
export function identifiedRecord({ record, event }: AcceptedRecord, profileId: ProfileId): NewRecord {
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

/** A record that is no accepted event, with its place and its text. */
export function rejectedRecord({ input, stage, code, detail }: Refusal<LogRecord>, clock: Clock): NewRecord {
  const { topic, partition, offset, key } = input;
  const rejectedAt = new Date(clock.now()).toISOString();
  const messageId = input.headers['ce_id'];
  const rejection: RejectedEvent = {
    ...(messageId === undefined ? {} : { messageId }),
    stage,
    code,
    detail,
    rejectedAt,
    original: textOf(input.value).slice(0, maxOriginalLength),
    position: { topic, partition, offset },
  };
  return {
    key,
    value: encodeJson(rejection),
    headers: cloudEventHeaders(
      topics.rejected.name,
      messageId ?? `${topic}/${partition}/${offset}`,
      rejectedAt,
    ),
    timestampMs: clock.now(),
  };
}
