import fc from 'fast-check';
import { writeJson, type Json } from '../inputs/json.js';
import { topicRecords } from '../inputs/records.js';
import { anyText } from '../inputs/texts.js';
import type { Door } from './door.js';

/** Bytes that are no record at all. */
const noise: Readonly<Record<string, Buffer | null>> = {
  tombstone: null,
  empty: Buffer.alloc(0),
  'not json': Buffer.from('not json'),
  null: Buffer.from('null'),
  '{}': Buffer.from('{}'),
  '[]': Buffer.from('[]'),
  text: Buffer.from('"text"'),
  number: Buffer.from('1e999'),
  'not utf-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  'half a record': Buffer.from('{"profileId":"p_raw0","version":'),
  'byte order mark': Buffer.from('\ufeff{}'),
  deep: Buffer.from(`${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`),
  'deep arrays': Buffer.from(`${'['.repeat(50_000)}${']'.repeat(50_000)}`),
  huge: Buffer.from(JSON.stringify({ profileId: 'p_raw0', note: 'x'.repeat(900_000) })),
};

interface RawInput {
  readonly topic: string;
  readonly records: readonly {
    readonly value: Json;
    /** In place of the value. */
    readonly noise: string | undefined;
    readonly key: string;
    readonly headers: Readonly<Record<string, string>> | undefined;
  }[];
}

const headers = fc.option(
  fc.oneof(
    fc.dictionary(anyText, anyText, { maxKeys: 3 }),
    fc.constant({
      traceparent: '00-ffffffffffffffffffffffffffffffff-0000000000000000-zz',
      ce_type: '',
      ce_time: 'x',
    }),
  ),
  { nil: undefined },
);

const input: fc.Arbitrary<RawInput> = fc.constantFrom(...Object.keys(topicRecords)).chain((topic) => {
  const { value, key } = topicRecords[topic] ?? { value: fc.constant({}), key: '' };
  const one = fc
    .tuple(
      value,
      fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.constantFrom(...Object.keys(noise))),
      fc.oneof(
        { weight: 8, arbitrary: fc.constant(undefined) },
        anyText.map((text) => `raw${text}`),
      ),
      headers,
    )
    .map(([said, instead, otherKey, given]) => {
      const own = (said as Readonly<Record<string, Json>> | null)?.[key];
      return {
        value: said,
        noise: instead,
        key: otherKey ?? (typeof own === 'string' && own !== '' ? own : 'raw'),
        headers: given,
      };
    });
  return fc.array(one, { minLength: 1, maxLength: 4 }).map((records) => ({ topic, records }));
});

const valueOf = (record: RawInput['records'][number]): Buffer | null =>
  record.noise === undefined ? Buffer.from(writeJson(record.value), 'utf8') : (noise[record.noise] ?? null);

/** Records straight into the topics: what they do shows in the lag of the groups that read them. */
export const recordsDoor: Door<RawInput> = {
  name: 'records',
  lanes: 1,
  feedsTheLog: true,
  inputs: input,
  show: ({ topic, records }) =>
    `${topic} ${records
      .map((record) => record.noise ?? writeJson(record.value))
      .join(' | ')
      .slice(0, 1_500)}`,
  async send({ topic, records }, target) {
    const { refused } = await target.ask({
      ask: 'append',
      topic,
      records: records.map((record) => ({
        key: record.key,
        value: valueOf(record)?.toString('base64') ?? null,
        ...(record.headers === undefined ? {} : { headers: record.headers }),
      })),
    });
    target.count(refused === undefined ? `records ${topic}` : 'records refused by the log');
    return undefined;
  },
};
