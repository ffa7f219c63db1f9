import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { openDocumentStore } from '@rapport/document-store';
import { openEventLog } from '@rapport/event-log';
import { percentile, type Benchmark, type BenchmarkOptions, type Figure } from './report.js';
import { compareRates, concurrently, idsInTurn, type Work } from './side-by-side.js';

const value = Buffer.from(
  JSON.stringify({ type: 'track', event: 'Product Viewed', padding: 'x'.repeat(440) }),
);
const headers = {
  'content-type': 'application/json',
  ce_specversion: '1.0',
  ce_source: 'rapport',
  ce_type: 'event',
  ce_id: 'a-b-c',
};

/** What one record takes up: value, headers and key. */
const sameBytes = Buffer.concat([value, Buffer.from(JSON.stringify(headers)), Buffer.from('user-1234')]);

/** People who are there before documents are measured. */
const storedPeople = 20_000;

/** What the embedded engine costs beside LMDB itself, both durable, taking turns. */
export const storage: Benchmark = {
  name: 'storage',
  title: 'Embedded event log and document store beside raw LMDB',
  run: async (options) => ({
    name: 'storage',
    title: storage.title,
    setup: `one process; 500-byte records with five headers; 1 KB documents with two indexes; each acknowledged after the flush; raw LMDB (overlappingSync off, as ours) puts as many bytes one by one, documents as JSON on condition of their version, and keeps up the same indexes; both take turns`,
    figures: [...(await eventLogFigures(options)), ...(await documentFigures(options))],
  }),
};

async function eventLogFigures(options: BenchmarkOptions): Promise<Figure[]> {
  const log = await openEventLog({ kind: 'lmdb', path: join(options.workDir, 'log') });
  const raw = rawDatabase(join(options.workDir, 'raw-log'));
  await log.ensureTopics([{ name: 'events', partitions: 4, retentionMs: -1 }]);
  let n = 0;
  const append = (inFlight: number, perCall: number): Work =>
    concurrently(inFlight, perCall, async () => {
      await log.append(
        'events',
        Array.from({ length: perCall }, () => ({ key: `user-${n++ % 5000}`, value, headers })),
      );
    });
  const put = (inFlight: number, perCall: number): Work =>
    concurrently(inFlight, perCall, async () => {
      await Promise.all(Array.from({ length: perCall }, () => raw.database.put(orderedKey(n++), sameBytes)));
    });
  const figures: Figure[] = [];
  for (const [inFlight, perCall] of [
    [1, 1],
    [64, 1],
    [512, 1],
    [8, 100],
  ] as const) {
    const name = `appends, ${inFlight} at a time${perCall > 1 ? ` of ${perCall}` : ''}`;
    figures.push(
      ...(await compareRates(options, name, append(inFlight, perCall), put(inFlight, perCall), 'raw LMDB')),
    );
  }
  figures.push(...(await readFigures(options, log, raw.database)));
  await log.close();
  await raw.root.close();
  return figures;
}

async function readFigures(
  options: BenchmarkOptions,
  log: Awaited<ReturnType<typeof openEventLog>>,
  raw: Database<Buffer, Buffer>,
): Promise<Figure[]> {
  options.say('reading from the beginning');
  const end = (await log.bounds('events')).reduce((sum, bounds) => sum + bounds.end, 0);
  const rate = async (group: string): Promise<number> => {
    const started = performance.now();
    const consumer = await log.consume({ group, topics: ['events'], onBatch: () => Promise.resolve() });
    await consumer.caughtUp();
    const seconds = (performance.now() - started) / 1000;
    await consumer.stop();
    return end / seconds;
  };
  const iterate = (): number => {
    const started = performance.now();
    let bytes = 0;
    let count = 0;
    for (const entry of raw.getRange()) {
      bytes += entry.value.length;
      count++;
    }
    if (bytes === 0) throw new Error('nothing was read');
    return count / ((performance.now() - started) / 1000);
  };
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (const group of ['a', 'b', 'c']) {
    rates.ours.push(await rate(group));
    rates.theirs.push(iterate());
  }
  const ours = median(rates.ours);
  const theirs = median(rates.theirs);
  return [
    { name: 'records consumed', value: ours, unit: 'records/s' },
    { name: 'records consumed: raw LMDB, entries iterated', value: theirs, unit: 'entries/s' },
    { name: 'records consumed: ratio', value: ours / theirs, unit: '×', floor: 0.8 },
  ];
}

const median = (of: readonly number[]): number =>
  percentile(
    of.toSorted((a, b) => a - b),
    50,
  );

async function documentFigures(options: BenchmarkOptions): Promise<Figure[]> {
  const store = await openDocumentStore({ kind: 'lmdb', path: join(options.workDir, 'store') });
  const raw = rawPeople(join(options.workDir, 'raw-store'));
  const people = await store.collection<{ email: string; due: number; padding: string }>({
    name: 'people',
    indexes: [
      { name: 'byDue', fields: ['due'] },
      { name: 'byEmail', fields: ['email'], unique: true },
    ],
  });
  const [ids, rawIds] = [idsInTurn(storedPeople), idsInTurn(storedPeople)];
  const padding = 'x'.repeat(900);
  const set = async (count: number): Promise<void> => {
    const some = ids(count);
    const current = await people.getMany(some);
    await people.write(
      some.map((id, at) => {
        const version = current[at]?.version ?? 0;
        return { id, doc: { email: id, due: version, padding }, expectedVersion: version };
      }),
    );
  };
  const rawSet = async (count: number): Promise<void> => {
    await Promise.all(rawIds(count).map((id) => raw.compareAndSet(id, padding)));
  };
  for (let there = 0; there < storedPeople; there += 500) {
    await set(500);
    await rawSet(500);
  }
  const figures: Figure[] = [];
  for (const [inFlight, perCall] of [
    [1, 1],
    [64, 1],
    [4, 500],
  ] as const) {
    const name = `compare-and-set, ${inFlight} at a time${perCall > 1 ? ` of ${perCall}` : ''}`;
    figures.push(
      ...(await compareRates(
        options,
        name,
        concurrently(inFlight, perCall, () => set(perCall)),
        concurrently(inFlight, perCall, () => rawSet(perCall)),
        'raw LMDB',
      )),
    );
  }
  await store.close();
  await raw.root.close();
  return figures;
}

/**
 * What a program that uses lmdb itself has to do for the same guarantee: a condition on the version, decided within the
 * transaction, since a plain put would overwrite what somebody else wrote meanwhile; both indexes kept up, the unique
 * one by a condition on its key. JSON for documents, plain keys, no checksum.
 */
function rawPeople(path: string): {
  readonly root: RootDatabase;
  readonly compareAndSet: (id: string, padding: string) => Promise<boolean>;
} {
  const root = open({ path, overlappingSync: false });
  const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const people = root.openDB<Buffer, Buffer>({ name: 'people', ...binary, useVersions: true });
  const byDue = root.openDB<Buffer, Buffer>({ name: 'byDue', ...binary });
  const byEmail = root.openDB<Buffer, Buffer>({ name: 'byEmail', ...binary });
  const dueKey = (due: number, id: string): Buffer => Buffer.from(`${due}/${id}`);
  // Within a conditional batch lmdb answers the writes with one resolved promise; the condition's own is the one to await.
  const compareAndSet = (id: string, padding: string): Promise<boolean> => {
    const key = Buffer.from(id);
    const there = people.getEntry(key);
    const version = there?.version ?? 0;
    const value = Buffer.from(JSON.stringify({ email: id, due: version, padding }));
    if (there === undefined)
      return byEmail.ifNoExists(key, () => {
        void people.put(key, value, 1);
        void byDue.put(dueKey(version, id), key);
        void byEmail.put(key, key);
      });
    const before = JSON.parse(there.value.toString()) as { due: number };
    return people.ifVersion(key, version, () => {
      void people.put(key, value, version + 1);
      void byDue.remove(dueKey(before.due, id));
      void byDue.put(dueKey(version, id), key);
    });
  };
  return { root, compareAndSet };
}

function rawDatabase(path: string): { root: RootDatabase; database: Database<Buffer, Buffer> } {
  const root = open({ path, overlappingSync: false });
  return {
    root,
    database: root.openDB<Buffer, Buffer>({ name: 'raw', encoding: 'binary', keyEncoding: 'binary' }),
  };
}

function orderedKey(n: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeDoubleBE(n);
  return key;
}
