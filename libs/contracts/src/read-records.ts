import { mapInTurns, messageOf } from '@rapport/kernel';
import { valueReaders, type TopicValues } from './topic-values.js';
import type { Rejection } from './reject-records.js';

/** A record of a topic, as far as reading needs it. */
export interface PlacedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record with what it says. */
export interface ReadRecord<Value, From extends PlacedRecord = PlacedRecord> {
  readonly record: From;
  readonly value: Value;
}

/** Every record of a batch that is no tombstone is in one of the two. */
export interface ReadBatch<Value, From extends PlacedRecord = PlacedRecord> {
  readonly read: readonly ReadRecord<Value, From>[];
  readonly refused: readonly Rejection[];
}

/** The code of what is not the value that its topic promises. */
export const recordUnreadable = 'RECORD_UNREADABLE';

const decoder = new TextDecoder();

/**
 * Reads the values of a topic that the architecture names: a value by its schema, or a refusal for `rejectRecords`.
 * Tombstones say nothing and are passed over. Lets the event loop turn in between.
 */
export async function readRecords<Topic extends keyof TopicValues, From extends PlacedRecord>(
  topic: Topic,
  records: readonly From[],
): Promise<ReadBatch<TopicValues[Topic], From>> {
  const read: ReadRecord<TopicValues[Topic], From>[] = [];
  const refused: Rejection[] = [];
  await mapInTurns(records, (record) => {
    const { value } = record;
    if (value === null) return;
    const result = readValue(topic, value);
    if ('problem' in result) refused.push(rejectionOf(record, recordUnreadable, result.problem));
    else read.push({ record, value: result.value });
  });
  return { read, refused };
}

/** The value of a topic, or what it was expected to be. */
export function readValue<Topic extends keyof TopicValues>(
  topic: Topic,
  bytes: Uint8Array,
): { readonly value: TopicValues[Topic] } | { readonly problem: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decoder.decode(bytes));
  } catch (thrown) {
    return { problem: `expected JSON; ${messageOf(thrown)}` };
  }
  const problem = valueReaders[topic](parsed);
  return problem === undefined
    ? { value: parsed as TopicValues[Topic] }
    : { problem: `expected ${problem}; see the topic ${topic} in libs/contracts` };
}

/** What is told of a record that a room refuses. */
export function rejectionOf(record: PlacedRecord, code: string, detail: string): Rejection {
  const { topic, partition, offset, key, value, headers } = record;
  const messageId = headers['ce_id'];
  return {
    code,
    detail,
    original: value ?? '',
    key,
    position: { topic, partition, offset },
    ...(messageId === undefined ? {} : { messageId }),
  };
}
