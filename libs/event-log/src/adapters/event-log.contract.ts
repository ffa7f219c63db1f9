import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Consumer, ConsumerOptions, EventLog, LogRecord, NewRecord, RecordBatch } from '../event-log.js';
import { partitionOfKey } from '../partitioner.js';
import { maxRecordBytes } from '../record-limits.js';

/** Where one test's log is. Opened, closed and opened again it is still the same log. */
export interface EventLogPlace {
  open(): Promise<EventLog>;
  /** Takes away what was left behind. */
  dispose(): Promise<void>;
}

export interface EventLogTraits {
  /** Topics of a consumer that have records are handed out strictly in the consumer's order. */
  readonly ordersTopics: boolean;
  /** Longest time that handing partitions over may take. */
  readonly handoverMs: number;
}

const partitions = 4;
const text = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString('utf8');
const record = (key: string, value: string): NewRecord => ({ key, value: Buffer.from(value) });
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
/** A key that falls into a partition. */
export function keyFor(partition: number, salt = ''): string {
  for (let n = 0; ; n++)
    if (partitionOfKey(`key${salt}-${n}`, partitions) === partition) return `key${salt}-${n}`;
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(5);
  }
}

/** What every event log must do, whatever keeps it. */
export function eventLogContract(
  name: string,
  place: () => Promise<EventLogPlace>,
  traits: EventLogTraits,
): void {
  describe(`event log: ${name}`, () => {
    let here: EventLogPlace;
    let log: EventLog;
    let topic: string;
    let other: string;
    let run = 0;

    beforeEach(async () => {
      here = await place();
      log = await here.open();
      // Names of their own, since a real engine keeps the topics of the test before.
      const unique = `${Date.now().toString(36)}-${run++}`;
      topic = `orders-${unique}`;
      other = `refunds-${unique}`;
      await log.ensureTopics([topic, other].map((each) => ({ name: each, partitions, retentionMs: -1 })));
    });

    afterEach(async () => {
      await log.close();
      await here.dispose();
    });

    const reopen = async (): Promise<void> => {
      await log.close();
      log = await here.open();
    };

    const consume = async (
      group: string,
      onBatch: (batch: RecordBatch) => Promise<void> | void,
      more: Partial<ConsumerOptions> = {},
    ): Promise<Consumer> =>
      log.consume({
        group: `${group}-${topic}`,
        topics: [topic],
        ...more,
        onBatch: async (batch) => onBatch(batch),
      });

    const everything = async (of: string): Promise<LogRecord[]> => {
      const all: LogRecord[] = [];
      for (let partition = 0; partition < partitions; partition++)
        all.push(...(await log.read(of, partition, 0, 100_000)));
      return all;
    };

    describe('appending', () => {
      it('answers where each record was put, counting up from 0 in each partition', async () => {
        const keys = Array.from({ length: 40 }, (_, n) => `user_id:${n}`);
        const first = await log.append(
          topic,
          keys.map((key) => record(key, key)),
        );
        const second = await log.append(
          topic,
          keys.map((key) => record(key, key)),
        );
        const offsets = new Map<number, number[]>();
        for (const { partition, offset } of [...first, ...second])
          offsets.set(partition, [...(offsets.get(partition) ?? []), offset]);
        for (const counted of offsets.values()) expect(counted).toEqual(counted.map((_, n) => n));
        for (const [n, position] of first.entries()) {
          expect(position.partition).toBe(log.partitionOf(topic, keys[n] ?? ''));
          const [there] = await log.read(topic, position.partition, position.offset, 1);
          expect(there?.key).toBe(keys[n]);
        }
      });

      it('keeps keys, values, headers and timestamps byte for byte', async () => {
        const given: NewRecord[] = [
          {
            key: 'plain',
            value: Buffer.from('{"a":1}'),
            headers: { ce_type: 'x', empty: '' },
            timestampMs: 1_700_000_000_123,
          },
          {
            key: 'Ünïcode ключ 🗝',
            value: Buffer.from('žluťoučký 🐎'),
            headers: { ce_subject: 'Žofie 🙂' },
            timestampMs: 1_700_000_000_124,
          },
          { key: 'empty', value: new Uint8Array(0), headers: {}, timestampMs: 1_700_000_000_125 },
          { key: 'gone', value: null, timestampMs: 1_700_000_000_126 },
          {
            key: 'binary',
            value: Uint8Array.from({ length: 256 }, (_, n) => n),
            timestampMs: 1_700_000_000_127,
          },
        ];
        const positions = await log.append(topic, given);
        const check = async (): Promise<void> => {
          for (const [n, { partition, offset }] of positions.entries()) {
            const [there] = await log.read(topic, partition, offset, 1);
            const wanted = given[n];
            expect({ ...there, value: there?.value == null ? there?.value : [...there.value] }).toEqual({
              topic,
              partition,
              offset,
              key: wanted?.key,
              value: wanted?.value == null ? null : [...wanted.value],
              headers: wanted?.headers ?? {},
              timestampMs: wanted?.timestampMs,
            });
          }
        };
        await check();
        await reopen();
        await check();
      });

      it('gives the log’s own time to a record that has none', async () => {
        const before = Date.now();
        const [position] = await log.append(topic, [record('a', 'x')]);
        const [there] = await log.read(topic, position?.partition ?? 0, 0, 1);
        expect(there?.timestampMs).toBeGreaterThanOrEqual(before - 1);
        expect(there?.timestampMs).toBeLessThanOrEqual(Date.now() + 1);
      });

      it('shows the records of one append in a partition all at once', async () => {
        const key = keyFor(1);
        let seen = 0;
        let odd = 0;
        let appending = true;
        const watcher = (async () => {
          while (appending) {
            const length = (await log.read(topic, 1, 0, 1_000_000)).length;
            if (length % 25 !== 0) odd++;
            seen++;
            await pause(1);
          }
        })();
        for (let n = 0; n < 10; n++) {
          await Promise.all(
            Array.from({ length: 4 }, () =>
              log.append(
                topic,
                Array.from({ length: 25 }, (_, at) => record(key, `${n}.${at}`)),
              ),
            ),
          );
        }
        appending = false;
        await watcher;
        expect(seen).toBeGreaterThan(1);
        expect(odd).toBe(0);
        expect(await log.read(topic, 1, 0, 10_000)).toHaveLength(1000);
      });

      it('keeps the order of each key under many appends at once', async () => {
        const keys = Array.from({ length: 10 }, (_, n) => `k${n}`);
        await Promise.all(
          keys.map(async (key) => {
            for (let n = 0; n < 30; n++)
              await log.append(topic, [record(key, String(n)), record(key, `${n}b`)]);
          }),
        );
        const all = await everything(topic);
        for (const key of keys) {
          const values = all.filter((each) => each.key === key).map((each) => text(each.value));
          expect(values).toEqual(Array.from({ length: 30 }, (_, n) => [String(n), `${n}b`]).flat());
        }
      });

      it('does not mind what the caller does to the value afterwards', async () => {
        const value = Buffer.from('before');
        const appending = log.append(topic, [{ key: keyFor(0), value }]);
        const [position] = await appending;
        value.fill(0);
        const [there] = await log.read(topic, position?.partition ?? 0, position?.offset ?? 0, 1);
        expect(text(there?.value ?? null)).toBe('before');
      });

      it('appends nothing for nothing', async () => {
        expect(await log.append(topic, [])).toEqual([]);
        expect((await log.bounds(topic)).every(({ end }) => end === 0)).toBe(true);
      });

      it('refuses what it cannot keep, and then keeps nothing of the call', async () => {
        await expect(log.append('no-such-topic', [record('a', 'x')])).rejects.toMatchObject({
          code: 'EVENT_LOG_TOPIC_MISSING',
        });
        await expect(
          log.append(topic, [record('a', 'x'), { key: 'b', value: Buffer.alloc(maxRecordBytes + 1) }]),
        ).rejects.toMatchObject({
          code: 'EVENT_LOG_RECORD_TOO_LARGE',
        });
        await expect(log.append(topic, [record('a', 'x'), record('', 'y')])).rejects.toMatchObject({
          code: 'EVENT_LOG_KEY_INVALID',
        });
        expect((await log.bounds(topic)).every(({ end }) => end === 0)).toBe(true);
      });

      it('takes records up to the limit', async () => {
        const value = Buffer.alloc(maxRecordBytes - 200, 7);
        await log.append(
          topic,
          Array.from({ length: 3 }, () => ({ key: keyFor(2), value })),
        );
        const all = await log.read(topic, 2, 0, 10);
        expect(all.map((each) => each.value?.byteLength)).toEqual([value.length, value.length, value.length]);
      });
    });

    describe('topics and reading', () => {
      it('makes topics once, and says what differs when they are there otherwise', async () => {
        await log.ensureTopics([{ name: topic, partitions, retentionMs: -1 }]);
        await expect(
          log.ensureTopics([{ name: topic, partitions: 7, retentionMs: -1 }]),
        ).rejects.toMatchObject({ code: 'EVENT_LOG_TOPIC_MISMATCH' });
        await expect(log.ensureTopics([{ name: topic, partitions: 7, retentionMs: -1 }])).rejects.toThrow(
          /4 partitions.*7|7.*4 partitions/,
        );
      });

      it('lets many declare topics at the same time, each other’s among them', async () => {
        const names = Array.from({ length: 6 }, (_, n) => `${topic}-${n}`);
        const declare = (name: string) => ({ name, partitions: 2, retentionMs: -1 });
        await Promise.all([
          ...names.map((name) => log.ensureTopics([declare(name)])),
          log.ensureTopics(names.map(declare)),
        ]);
        await Promise.all(names.map((name) => log.append(name, [record('key', name)])));
        const seen = async (name: string): Promise<(string | null)[]> =>
          (await Promise.all([0, 1].map((partition) => log.read(name, partition, 0, 10))))
            .flat()
            .map((each) => text(each.value));
        for (const name of names) expect(await seen(name)).toEqual([name]);
        await reopen();
        for (const name of names) expect(await seen(name)).toEqual([name]);
      });

      it('knows topics and records again after it was closed', async () => {
        await log.append(topic, [record(keyFor(0), 'x'), record(keyFor(3), 'y')]);
        await reopen();
        expect((await everything(topic)).map((each) => text(each.value))).toEqual(['x', 'y']);
        expect((await log.bounds(topic)).map(({ first, end }) => [first, end])).toEqual([
          [0, 1],
          [0, 0],
          [0, 0],
          [0, 1],
        ]);
        const [next] = await log.append(topic, [record(keyFor(3), 'z')]);
        expect(next).toEqual({ partition: 3, offset: 1 });
      });

      it('reads page by page from any offset', async () => {
        const key = keyFor(2);
        for (let n = 0; n < 30; n++)
          await log.append(
            topic,
            Array.from({ length: 7 }, (_, at) => record(key, String(n * 7 + at))),
          );
        const paged: (string | null)[] = [];
        for (let offset = 0; ;) {
          const page = await log.read(topic, 2, offset, 13);
          if (page.length === 0) break;
          expect(page.length).toBeLessThanOrEqual(13);
          paged.push(...page.map((each) => text(each.value)));
          offset = (page.at(-1)?.offset ?? 0) + 1;
        }
        expect(paged).toEqual(Array.from({ length: 210 }, (_, n) => String(n)));
        const [middle] = await log.read(topic, 2, 100, 1);
        expect(text(middle?.value ?? null)).toBe('100');
      });
    });

    describe('consuming', () => {
      it('hands every record to every group, in the order of its partition', async () => {
        const values = Array.from({ length: 400 }, (_, n) => String(n));
        await log.append(
          topic,
          values.slice(0, 200).map((value) => record(`k${Number(value) % 20}`, value)),
        );
        const got = { a: [] as LogRecord[], b: [] as LogRecord[] };
        const a = await consume('a', (batch) => void got.a.push(...batch.records));
        const b = await consume('b', (batch) => void got.b.push(...batch.records));
        await log.append(
          topic,
          values.slice(200).map((value) => record(`k${Number(value) % 20}`, value)),
        );
        await Promise.all([a.caughtUp(), b.caughtUp()]);
        for (const records of [got.a, got.b]) {
          expect(records.map((each) => text(each.value)).sort()).toEqual([...values].sort());
          for (let partition = 0; partition < partitions; partition++) {
            const offsets = records.filter((each) => each.partition === partition).map((each) => each.offset);
            expect(offsets).toEqual(offsets.map((_, n) => n));
          }
        }
      });

      it('wakes up at once when something is appended', async () => {
        const got: number[] = [];
        const consumer = await consume('tail', (batch) => void got.push(batch.records.length));
        await consumer.caughtUp();
        await until('assigned', () => consumer.assigned().length === partitions);
        await log.append(topic, [record('a', 'warm')]);
        await consumer.caughtUp();
        const started = performance.now();
        for (let n = 0; n < 10; n++) {
          await log.append(topic, [record('a', 'x')]);
          await consumer.caughtUp();
        }
        expect(performance.now() - started).toBeLessThan(5_000);
        expect(got.reduce((sum, length) => sum + length, 0)).toBe(11);
      });

      it('never hands out more than maxBatch, and never nothing', async () => {
        await log.append(
          topic,
          Array.from({ length: 100 }, (_, n) => record(keyFor(0), String(n))),
        );
        const sizes: number[] = [];
        const consumer = await consume('sized', (batch) => void sizes.push(batch.records.length), {
          maxBatch: 7,
        });
        await consumer.caughtUp();
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
      });

      it('hands out in a later batch what comes in while a batch is worked on', async () => {
        const handed: string[] = [];
        let isWorking = false;
        let letGo = (): void => undefined;
        const held = new Promise<void>((resolve) => (letGo = resolve));
        const consumer = await consume('meanwhile', async ({ records }) => {
          const before = records.map(({ value }) => text(value) ?? '');
          handed.push(...before);
          isWorking = true;
          await held;
          expect(records.map(({ value }) => text(value))).toEqual(before);
        });
        await log.append(topic, [record('one', 'first')]);
        await until('the first batch has begun', () => isWorking);
        await log.append(topic, [record('one', 'second'), record('one', 'third')]);
        // Long enough for an engine that fetches by itself to have them at hand.
        await pause(traits.ordersTopics ? 0 : 700);
        letGo();
        await consumer.caughtUp();
        expect(handed).toEqual(['first', 'second', 'third']);
        await consumer.stop();
      });

      it('goes on where the group stopped, also after the log was closed', async () => {
        const got: (string | null)[] = [];
        const take = (batch: RecordBatch): void =>
          void got.push(...batch.records.map((each) => text(each.value)));
        await log.append(
          topic,
          Array.from({ length: 50 }, (_, n) => record(`k${n}`, String(n))),
        );
        const first = await consume('resume', take);
        await first.caughtUp();
        await first.stop();
        await log.append(
          topic,
          Array.from({ length: 50 }, (_, n) => record(`k${n}`, String(n + 50))),
        );
        expect(await log.groupLag(`resume-${topic}`, [topic])).toBe(50);
        expect(sum((await log.committed?.(`resume-${topic}`, topic)) ?? [])).toBe(50);
        await reopen();
        expect(await log.groupLag(`resume-${topic}`, [topic])).toBe(50);
        const second = await consume('resume', take);
        await second.caughtUp();
        expect(await second.lag()).toBe(0);
        expect(await log.groupLag(`resume-${topic}`, [topic])).toBe(0);
        const ends = (await log.bounds(topic)).map(({ end }) => end);
        expect(await log.committed?.(`resume-${topic}`, topic)).toEqual(ends);
        expect(got.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
      });

      it('delivers a batch that failed again, and skips nothing', async () => {
        await log.append(
          topic,
          Array.from({ length: 60 }, (_, n) => record(keyFor(n % 4), String(n))),
        );
        const handled: number[] = [];
        const failures: string[] = [];
        let throwing = 3;
        const consumer = await consume(
          'again',
          (batch) => {
            const numbers = batch.records.map((each) => Number(text(each.value)));
            if (batch.partition === 2 && numbers.includes(2) && throwing > 0) {
              throwing--;
              throw new Error('not now');
            }
            handled.push(...numbers);
          },
          {
            maxBatch: 5,
            onFailure: (failure) =>
              failures.push(failure.thrown instanceof Error ? failure.thrown.message : 'unknown'),
          },
        );
        await consumer.caughtUp();
        expect(handled.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n));
        expect(failures).toEqual(['not now', 'not now', 'not now']);
      });

      it('counts as not handled what failed: lag stays, and a later start gets it again', async () => {
        await log.append(topic, [record(keyFor(1), 'poison')]);
        let tries = 0;
        const failing = await consume('poisoned', () => {
          tries++;
          throw new Error('never');
        });
        await until('it was tried twice', () => tries >= 2);
        expect(await failing.lag()).toBe(1);
        await failing.stop();
        const got: (string | null)[] = [];
        const healthy = await consume(
          'poisoned',
          (batch) => void got.push(...batch.records.map((each) => text(each.value))),
        );
        await healthy.caughtUp();
        expect(got).toEqual(['poison']);
      });

      it('never runs two batches of one partition number side by side, over all topics, but partitions beside each other', async () => {
        for (const each of [topic, other])
          await log.append(
            each,
            Array.from({ length: 200 }, (_, n) => record(keyFor(n % 4), String(n))),
          );
        const running = new Map<number, number>();
        let most = 0;
        let doubled = 0;
        const consumer = await consume(
          'lanes',
          async (batch) => {
            const beside = (running.get(batch.partition) ?? 0) + 1;
            running.set(batch.partition, beside);
            if (beside > 1) doubled++;
            most = Math.max(
              most,
              [...running.values()].reduce((sum, count) => sum + count, 0),
            );
            await pause(3);
            running.set(batch.partition, beside - 1);
          },
          { topics: [topic, other], maxBatch: 10 },
        );
        await consumer.caughtUp();
        expect(doubled).toBe(0);
        expect(most).toBeGreaterThan(1);
      });

      // Where it is not promised it is not tested: between topics Kafka has no order.
      const whereOrdered = traits.ordersTopics ? it : () => undefined;
      whereOrdered('hands out an earlier topic first when several have records', async () => {
        const key = keyFor(3);
        for (const each of [other, topic])
          await log.append(
            each,
            Array.from({ length: 20 }, (_, n) => record(key, `${each === topic ? 'first' : 'second'} ${n}`)),
          );
        const got: (string | null)[] = [];
        const consumer = await consume(
          'ordered',
          (batch) => void got.push(...batch.records.map((each) => text(each.value))),
          {
            topics: [topic, other],
            maxBatch: 6,
          },
        );
        await consumer.caughtUp();
        expect(got).toEqual([
          ...Array.from({ length: 20 }, (_, n) => `first ${n}`),
          ...Array.from({ length: 20 }, (_, n) => `second ${n}`),
        ]);
      });

      it('refuses topics that are missing or not co-partitioned', async () => {
        await expect(
          consume('none', () => undefined, { topics: [`${topic}-missing`] }),
        ).rejects.toMatchObject({ code: 'EVENT_LOG_TOPIC_MISSING' });
        await log.ensureTopics([{ name: `${topic}-two`, partitions: 2, retentionMs: -1 }]);
        await expect(
          consume('none', () => undefined, { topics: [topic, `${topic}-two`] }),
        ).rejects.toMatchObject({ code: 'EVENT_LOG_NOT_COPARTITIONED' });
      });
    });

    describe('records that cannot be handled', () => {
      const isBad = ({ value }: LogRecord): boolean => text(value)?.startsWith('bad') === true;

      it('hands over each of them alone, handles all others in order, and does neither again', async () => {
        const key = keyFor(1);
        const given = Array.from({ length: 60 }, (_, n) =>
          [0, 7, 8, 9, 31, 59].includes(n) ? `bad${n}` : `good${n}`,
        );
        await log.append(
          topic,
          given.map((value) => record(key, value)),
        );
        const refused: { record: LogRecord; thrown: unknown }[] = [];
        const handled = new Map<string, string[]>();
        const consumeAll = (): Promise<Consumer> =>
          consume(
            'poison',
            ({ records }) => {
              if (records.some(isBad)) throw new TypeError(`${records.length} with a bad one`);
              for (const { key: of, value } of records)
                handled.set(of, [...(handled.get(of) ?? []), text(value) ?? '']);
            },
            { maxBatch: 25, onPoison: async (one, thrown) => void refused.push({ record: one, thrown }) },
          );
        const first = await consumeAll();
        await first.caughtUp();
        expect(await first.lag()).toBe(0);
        await first.stop();
        await reopen();
        const second = await consumeAll();
        await log.append(topic, [record(key, 'good60')]);
        await second.caughtUp();
        expect(refused.map(({ record: one }) => text(one.value))).toEqual(
          given.filter((value) => value.startsWith('bad')),
        );
        expect(refused.map(({ record: one }) => one.offset)).toEqual([0, 7, 8, 9, 31, 59]);
        for (const { thrown } of refused) expect(thrown).toBeInstanceOf(TypeError);
        expect(handled.get(key)).toEqual([...given.filter((value) => !value.startsWith('bad')), 'good60']);
        await second.stop();
      });

      it('waits for what is infrastructure, and for whoever takes the record over', async () => {
        await log.append(topic, [record(keyFor(0), 'bad'), record(keyFor(0), 'good')]);
        let engineFailures = 3;
        let refusals = 0;
        const handled: string[] = [];
        const failures: unknown[] = [];
        const consumer = await consume(
          'patience',
          ({ records }) => {
            if (engineFailures-- > 0) throw new Error('the engine is away');
            if (records.some(isBad)) throw new RangeError('too far');
            handled.push(...records.map(({ value }) => text(value) ?? ''));
          },
          {
            onPoison: async () => {
              if (refusals++ === 0) throw new Error('the log is away');
            },
            onFailure: ({ thrown }) => void failures.push(thrown),
          },
        );
        await consumer.caughtUp();
        expect(handled).toEqual(['good']);
        expect(refusals).toBe(2);
        expect(failures.map(String)).toEqual([
          ...Array.from({ length: 3 }, () => 'Error: the engine is away'),
          'Error: the log is away',
        ]);
        await consumer.stop();
      });

      it('delivers them for ever where nobody takes them over', async () => {
        await log.append(topic, [record(keyFor(0), 'bad')]);
        let tries = 0;
        const consumer = await consume('stubborn', () => {
          tries++;
          throw new TypeError('bad');
        });
        await until('it comes a fourth time', () => tries >= 4);
        expect(await consumer.lag()).toBe(1);
        await consumer.stop();
      });
    });

    describe('taking turns', () => {
      it('calls onAssigned once for each partition before its first batch, and waits for it', async () => {
        await log.append(
          topic,
          Array.from({ length: 40 }, (_, n) => record(keyFor(n % 4), String(n))),
        );
        const ready = new Set<number>();
        const assigned: number[] = [];
        const early: number[] = [];
        const consumer = await consume(
          'assigned',
          (batch) => void (ready.has(batch.partition) || early.push(batch.partition)),
          {
            onAssigned: async (partition) => {
              assigned.push(partition);
              await pause(20);
              ready.add(partition);
            },
          },
        );
        await consumer.caughtUp();
        expect(assigned.sort()).toEqual([0, 1, 2, 3]);
        expect(early).toEqual([]);
        expect([...consumer.assigned()].sort()).toEqual([0, 1, 2, 3]);
      });

      it('runs exclusive work beside no batch of its partition, also where there are no records', async () => {
        await log.append(
          topic,
          Array.from({ length: 200 }, (_, n) => record(keyFor(1), String(n))),
        );
        let busy = 0;
        let clashes = 0;
        const alone = async (): Promise<void> => {
          if (busy++ > 0) clashes++;
          await pause(2);
          busy--;
        };
        const consumer = await consume('exclusive', alone, { maxBatch: 10 });
        await until('assigned', () => consumer.assigned().length === partitions);
        const answers = await Promise.all(
          Array.from({ length: 10 }, (_, n) => consumer.exclusively(1, async () => (await alone(), n))),
        );
        await consumer.caughtUp();
        expect(answers).toEqual(Array.from({ length: 10 }, (_, n) => n));
        expect(clashes).toBe(0);
        expect(await consumer.exclusively(3, () => Promise.resolve('idle'))).toBe('idle');
        await expect(consumer.exclusively(2, () => Promise.reject(new Error('mine')))).rejects.toThrow(
          'mine',
        );
        await expect(consumer.exclusively(99, () => Promise.resolve())).rejects.toMatchObject({
          code: 'EVENT_LOG_PARTITION_NOT_OWNED',
        });
      });

      it('lets the batch in hand end when it stops, commits it, and takes no more', async () => {
        await log.append(
          topic,
          Array.from({ length: 30 }, (_, n) => record(keyFor(0), String(n))),
        );
        let started = 0;
        let ended = 0;
        const owned: boolean[] = [];
        const consumer = await consume(
          'stopping',
          async (batch) => {
            started++;
            await pause(100);
            owned.push(batch.owned());
            ended += batch.records.length;
          },
          { maxBatch: 10 },
        );
        await until('a batch has begun', () => started > 0);
        await consumer.stop();
        expect(ended).toBe(10);
        expect(started).toBe(1);
        expect(owned).toEqual([true]);
        expect(await log.groupLag(`stopping-${topic}`, [topic])).toBe(20);
        await consumer.stop();
      });

      it('says so when asked to catch up after it was stopped', async () => {
        const consumer = await consume('stopped', () => pause(1));
        await consumer.stop();
        await log.append(topic, [record('a', 'x')]);
        await expect(consumer.caughtUp()).rejects.toMatchObject({ code: 'EVENT_LOG_CONSUMER_STOPPED' });
      });
    });

    describe('sharing a group', () => {
      it('gives each partition to one member, and to the others when that one stops', async () => {
        const got = { a: new Set<number>(), b: new Set<number>() };
        const values: string[] = [];
        const taker = (into: Set<number>) => (batch: RecordBatch) => {
          into.add(batch.partition);
          values.push(...batch.records.map((each) => text(each.value) ?? ''));
        };
        const a = await consume('shared', taker(got.a));
        const b = await consume('shared', taker(got.b));
        await until(
          'both have half',
          () => a.assigned().length === 2 && b.assigned().length === 2,
          traits.handoverMs,
        );
        expect([...a.assigned(), ...b.assigned()].sort()).toEqual([0, 1, 2, 3]);
        await log.append(
          topic,
          Array.from({ length: 80 }, (_, n) => record(keyFor(n % 4), String(n))),
        );
        await Promise.all([a.caughtUp(), b.caughtUp()]);
        expect([...got.a].some((partition) => got.b.has(partition))).toBe(false);
        expect([...got.a, ...got.b].sort()).toEqual([0, 1, 2, 3]);
        await a.stop();
        await until('one has all', () => b.assigned().length === partitions, traits.handoverMs);
        await log.append(
          topic,
          Array.from({ length: 80 }, (_, n) => record(keyFor(n % 4), String(n + 80))),
        );
        await b.caughtUp();
        expect([...got.b].sort()).toEqual([0, 1, 2, 3]);
        expect(values.map(Number).sort((x, y) => x - y)).toEqual(Array.from({ length: 160 }, (_, n) => n));
      });

      it('loses nothing when a member joins during a batch, and a disowned batch can tell', async () => {
        await log.append(
          topic,
          Array.from({ length: 120 }, (_, n) => record(keyFor(n % 4), String(n))),
        );
        const effects = new Map<string, number>();
        const handle = async (batch: RecordBatch): Promise<void> => {
          await pause(30);
          if (!batch.owned()) throw new Error('another member has it now');
          for (const each of batch.records)
            effects.set(
              `${each.partition}:${each.offset}`,
              (effects.get(`${each.partition}:${each.offset}`) ?? 0) + 1,
            );
        };
        const a = await consume('joined', handle, { maxBatch: 10 });
        await until('work has begun', () => effects.size > 0);
        const b = await consume('joined', handle, { maxBatch: 10 });
        await until(
          'both have half',
          () => a.assigned().length === 2 && b.assigned().length === 2,
          traits.handoverMs,
        );
        await Promise.all([a.caughtUp(), b.caughtUp()]);
        expect(effects.size).toBe(120);
      });
    });

    it('closes with consumers running', async () => {
      await log.append(
        topic,
        Array.from({ length: 30 }, (_, n) => record(`k${n}`, String(n))),
      );
      let handled = 0;
      await consume('closing', async (batch) => {
        await pause(5);
        handled += batch.records.length;
      });
      await until('work has begun', () => handled > 0);
      await log.close();
      await expect(log.append(topic, [record('a', 'x')])).rejects.toMatchObject({ code: 'EVENT_LOG_CLOSED' });
      log = await here.open();
      expect(await log.groupLag(`closing-${topic}`, [topic])).toBe(30 - handled);
    });
  });
}
