import { spawn } from 'node:child_process';
import { mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VirtualClock } from '@rapport/kernel';
import type { EventLog, LogRecord, NewRecord, Position } from '../event-log.js';
import { eventLogContract, keyFor } from './event-log.contract.js';
import { openLmdbEventLog } from './lmdb-event-log.js';

eventLogContract(
  'LMDB',
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'rapport-log-'));
    return {
      open: () => openLmdbEventLog({ path }),
      dispose: () => rm(path, { recursive: true, force: true }),
    };
  },
  { ordersTopics: true, handoverMs: 5_000 },
);

describe('LMDB event log, beyond the contract', () => {
  const topic = 'orders';
  let path: string;
  let log: EventLog | undefined;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'rapport-log-'));
  });
  afterEach(async () => {
    await log?.close();
    log = undefined;
    await rm(path, { recursive: true, force: true });
  });

  const text = (record: LogRecord): string | undefined =>
    record.value === null ? undefined : Buffer.from(record.value).toString('utf8');
  const all = async (from: EventLog): Promise<LogRecord[]> =>
    (await Promise.all([0, 1, 2, 3].map((partition) => from.read(topic, partition, 0, 1_000_000)))).flat();

  it('leaves records alone that somebody still has when the memory of their chunk is used again', async () => {
    log = await openLmdbEventLog({ path });
    await log.ensureTopics([{ name: topic, partitions: 1, retentionMs: -1 }]);
    const had: LogRecord[] = [];
    for (let n = 0; n < 400; n++) {
      await log.append(topic, [{ key: 'k', value: Buffer.from(`${n} `.repeat(2000)) }]);
      had.push(...(await log.read(topic, 0, n, 1)));
    }
    expect(had.map(({ offset }) => offset)).toEqual(Array.from({ length: 400 }, (_, n) => n));
    for (const record of had) expect(text(record)).toBe(`${record.offset} `.repeat(2000));
    expect((await log.read(topic, 0, 0, 400)).map(text)).toEqual(had.map(text));
  });

  it('is refused in one line when its file was cut short, emptied or is another one', async () => {
    log = await openLmdbEventLog({ path });
    await log.ensureTopics([{ name: topic, partitions: 1, retentionMs: -1 }]);
    await log.append(topic, [{ key: 'k', value: Buffer.alloc(300_000, 'x') }]);
    await log.close();
    log = undefined;
    const file = join(path, 'log/data.mdb');
    const whole = await readFile(file);
    for (const bytes of [
      whole.subarray(0, whole.length / 2),
      whole.subarray(0, 0),
      Buffer.alloc(9999, 'x'),
    ]) {
      await writeFile(file, bytes);
      await expect(openLmdbEventLog({ path })).rejects.toMatchObject({
        code: 'EVENT_LOG_DAMAGED',
        message: expect.stringMatching(/data\.mdb: expected [^\n]+$/),
      });
      expect((await readFile(file)).equals(bytes)).toBe(true);
    }
    await writeFile(file, whole);
    log = await openLmdbEventLog({ path });
    expect(await log.read(topic, 0, 0, 10)).toHaveLength(1);
  });

  it('loses nothing that was acknowledged when its process is killed, and no append is there by halves', async () => {
    const root = fileURLToPath(new URL('../../../../', import.meta.url));
    const script = join(root, 'libs/event-log/src/testing/append-until-killed.ts');
    interface Acknowledged {
      readonly worker: number;
      readonly n: number;
      readonly size: number;
      readonly positions: readonly (readonly [number, number])[];
    }
    const acknowledged: Acknowledged[] = [];
    for (let round = 0; round < 3; round++) {
      const child = spawn(
        process.execPath,
        ['--import', join(root, 'tools/jest/typescript-hooks.mjs'), script, path, topic],
        { cwd: root },
      );
      let output = '';
      let errors = '';
      child.stderr.on('data', (some: Buffer) => (errors += some.toString()));
      await new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.stdout.on('data', (some: Buffer) => {
          output += some.toString();
          if (output.length > 60_000 + round * 30_000) child.kill('SIGKILL');
        });
      });
      expect(errors).toBe('');
      // The last line may be cut: then its acknowledgement was not received.
      for (const line of output.split('\n').slice(0, -1)) acknowledged.push(JSON.parse(line) as Acknowledged);
    }
    log = await openLmdbEventLog({ path });
    const records = await all(log);
    const at = new Map(
      records.map((record) => [
        `${record.partition}:${record.offset}`,
        JSON.parse(text(record) ?? '') as { worker: number; n: number; at: number; size: number },
      ]),
    );
    expect(acknowledged.length).toBeGreaterThan(300);
    for (const { worker, n, size, positions } of acknowledged) {
      expect(positions.map(([partition, offset]) => at.get(`${partition}:${offset}`))).toMatchObject(
        Array.from({ length: size }, (_, index) => ({ worker, n, at: index })),
      );
    }
    for (const partition of [0, 1, 2, 3]) {
      const here = records.filter((record) => record.partition === partition);
      expect(here.map((record) => record.offset)).toEqual(here.map((_, n) => n));
      for (const [n, record] of here.entries()) {
        const { at: index, size } = JSON.parse(text(record) ?? '') as { at: number; size: number };
        if (index === 0) expect(here[n + size - 1]).toBeDefined();
      }
    }
    expect(await log.groupLag('before-the-crash', [topic])).toBeLessThanOrEqual(records.length);
  });

  describe('in use', () => {
    it('refuses a second opening and says who has it', async () => {
      log = await openLmdbEventLog({ path });
      await expect(openLmdbEventLog({ path })).rejects.toMatchObject({ code: 'EVENT_LOG_IN_USE' });
      await expect(openLmdbEventLog({ path })).rejects.toThrow(new RegExp(`process ${process.pid}`));
      await log.close();
      log = await openLmdbEventLog({ path });
    });

    it.each([
      ['a process that is gone', { pid: 4_194_000, started: '1', host: hostname(), token: 'x' }],
      [
        'an earlier process with this number',
        { pid: process.pid, started: '1', host: hostname(), token: 'x' },
      ],
    ])('takes over from %s', async (_, holder) => {
      await writeFile(join(path, 'in-use.json'), JSON.stringify(holder));
      log = await openLmdbEventLog({ path });
      expect(JSON.parse(await readFile(join(path, 'in-use.json'), 'utf8'))).toMatchObject({
        pid: process.pid,
      });
    });

    it('leaves a holder on another host alone while it shows signs of life', async () => {
      await writeFile(
        join(path, 'in-use.json'),
        JSON.stringify({ pid: 1, started: '1', host: 'elsewhere', token: 'x' }),
      );
      await expect(openLmdbEventLog({ path })).rejects.toThrow(/elsewhere/);
    });
  });

  it('notices a single changed bit instead of handing it out', async () => {
    log = await openLmdbEventLog({ path });
    await log.ensureTopics([{ name: topic, partitions: 4, retentionMs: -1 }]);
    await log.append(topic, [
      { key: keyFor(1), value: Buffer.from(`${'x'.repeat(300)}needle${'y'.repeat(300)}`) },
    ]);
    await log.append(topic, [{ key: keyFor(2), value: Buffer.from('sound') }]);
    await log.close();
    const file = await openFile(join(path, 'log', 'data.mdb'), 'r+');
    const content = await file.readFile();
    let found = 0;
    for (let at = content.indexOf('needle'); at !== -1; at = content.indexOf('needle', at + 1)) {
      await file.write(Buffer.from('N'), 0, 1, at);
      found++;
    }
    await file.close();
    expect(found).toBeGreaterThan(0);
    log = await openLmdbEventLog({ path });
    await expect(log.read(topic, 1, 0, 10)).rejects.toMatchObject({ code: 'EVENT_LOG_CORRUPT' });
    expect(await log.read(topic, 2, 0, 10)).toHaveLength(1);
    const failures: string[] = [];
    const handedOut: (string | undefined)[] = [];
    const consumer = await log.consume({
      group: 'g',
      topics: [topic],
      onBatch: ({ records }) => Promise.resolve(void handedOut.push(...records.map(text))),
      onFailure: ({ thrown }) => failures.push((thrown as { code: string }).code),
    });
    // The partitions are read side by side: which of the two comes first is up to the machine.
    while (failures.length === 0 || (await consumer.lag()) > 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(failures[0]).toBe('EVENT_LOG_CORRUPT');
    expect(handedOut).toEqual(['sound']);
    expect(await consumer.lag()).toBe(1);
  });

  it('drops what retention lets go, keeps the ends, and sends readers to what is left', async () => {
    const clock = new VirtualClock(1_000_000);
    log = await openLmdbEventLog({ path, clock });
    await log.ensureTopics([{ name: topic, partitions: 4, retentionMs: 60_000 }]);
    const key = keyFor(1);
    const append = (value: string): Promise<readonly Position[]> =>
      log?.append(topic, [{ key, value: Buffer.from(value) }]) ?? Promise.resolve([]);
    for (let n = 0; n < 5; n++) await append(`old ${n}`);
    clock.advanceTo(1_050_000);
    for (let n = 0; n < 5; n++) await append(`new ${n}`);
    clock.advanceTo(1_070_000);
    await log.maintain();
    expect((await log.bounds(topic))[1]).toEqual({ first: 5, end: 10 });
    expect((await log.read(topic, 1, 0, 100)).map(text)).toEqual([
      'new 0',
      'new 1',
      'new 2',
      'new 3',
      'new 4',
    ]);
    expect(await log.groupLag('late', [topic])).toBe(5);
    const got: (string | undefined)[] = [];
    const consumer = await log.consume({
      group: 'late',
      topics: [topic],
      onBatch: async ({ records }) => void got.push(...records.map(text)),
    });
    await consumer.caughtUp();
    expect(got).toHaveLength(5);
    clock.advanceTo(2_000_000);
    await log.maintain();
    await log.close();
    log = await openLmdbEventLog({ path, clock });
    expect((await log.bounds(topic))[1]).toEqual({ first: 10, end: 10 });
    expect(await log.append(topic, [{ key, value: Buffer.from('next') }])).toEqual([
      { partition: 1, offset: 10 },
    ]);
  });

  it('compacts to the newest record of each key, at the same offsets, and readers go on as before (property)', async () => {
    const clock = new VirtualClock(1_000_000);
    log = await openLmdbEventLog({ path, clock });
    const key = fc.constantFrom(...Array.from({ length: 6 }, (_, n) => `k${n}`));
    const append = fc.array(fc.record({ key, value: fc.option(fc.string({ maxLength: 5 })) }), {
      minLength: 1,
      maxLength: 10,
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: append }, fc.constant('maintain' as const)), {
          maxLength: 20,
        }),
        fc.boolean(),
        async (steps, late) => {
          const name = `compacted-${run++}`;
          const here = log;
          if (here === undefined) return;
          await here.ensureTopics([{ name, partitions: 2, retentionMs: -1, compacted: true }]);
          const written: (NewRecord & Position)[] = [];
          for (const step of steps) {
            if (step === 'maintain') await here.maintain();
            else {
              const records = step.map((each) => ({
                key: each.key,
                value: each.value === null ? null : Buffer.from(each.value),
              }));
              const positions = await here.append(name, records);
              records.forEach((record, at) =>
                written.push({ ...record, ...(positions[at] ?? { partition: 0, offset: 0 }) }),
              );
            }
          }
          if (late) clock.advanceTo(clock.now() + 48 * 3_600_000);
          await here.maintain();
          for (const partition of [0, 1]) {
            const mine = written.filter((record) => record.partition === partition);
            const kept = mine.filter(
              (record) =>
                !mine.some((other) => other.key === record.key && other.offset > record.offset) &&
                !(late && record.value === null),
            );
            const read = await here.read(name, partition, 0, 1000);
            expect(read.map((record) => [record.key, record.offset, text(record)])).toEqual(
              kept.map((record) => [record.key, record.offset, record.value?.toString()]),
            );
            for (const { offset } of mine) {
              expect((await here.read(name, partition, offset, 1000)).map((record) => record.offset)).toEqual(
                kept.filter((record) => record.offset >= offset).map((record) => record.offset),
              );
            }
            expect((await here.bounds(name))[partition]).toEqual({ first: 0, end: mine.length });
          }
          const consumer = await here.consume({
            group: `g-${run}`,
            topics: [name],
            onBatch: () => Promise.resolve(),
          });
          await consumer.caughtUp();
          expect(await consumer.lag()).toBe(0);
          await consumer.stop();
        },
      ),
      { numRuns: 30 },
    );
  });

  it('keeps the event loop free while consumers have much to do', async () => {
    log = await openLmdbEventLog({ path });
    await log.ensureTopics([{ name: topic, partitions: 4, retentionMs: -1 }]);
    const value = Buffer.alloc(200);
    for (let n = 0; n < 20; n++)
      await log.append(
        topic,
        Array.from({ length: 1000 }, (_, at) => ({ key: `k${at}`, value })),
      );
    let sinceTimer = 0;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, sinceTimer);
      sinceTimer = 0;
    }, 1);
    const consumers = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        (log as EventLog).consume({
          group: `g${n}`,
          topics: [topic],
          maxBatch: 100,
          onBatch: async ({ records }) => {
            sinceTimer++;
            const until = performance.now() + 1;
            while (performance.now() < until) records.at(0);
          },
        }),
      ),
    );
    await Promise.all(consumers.map((consumer) => consumer.caughtUp()));
    clearInterval(watch);
    // 24 partitions have batches of 1 ms ready at any time; a timer of 1 ms gets its turn between any few of them.
    expect(most).toBeLessThan(12);
  });
});
