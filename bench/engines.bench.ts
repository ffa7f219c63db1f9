import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { MongoClient } from 'mongodb';
import { openDocumentStore } from '@rapport/document-store';
import { openEventLog, partitionOfKey, type NewRecord } from '@rapport/event-log';
import { startKafka, startMongo } from '@rapport/local-engines';
import type { Benchmark, BenchmarkOptions, Figure } from './report.js';
import { compareRates, concurrently, idsInTurn } from './side-by-side.js';
import { bothForms } from './both-forms.js';
import { storage } from './storage.bench.js';

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
const partitions = 4;

/** What the adapters cost beside their drivers, on real servers, and what the whole platform does on them; in one run. */
export const engines: Benchmark = {
  name: 'engines',
  title: 'LMDB, Kafka and MongoDB behind our ports beside their drivers alone; the platform on them',
  run: async (options) => ({
    name: 'engines',
    title: engines.title,
    setup:
      'Apache Kafka 4.1 (one node, KRaft) and a MongoDB-protocol server (one node, WiredTiger), each in a process of its own on this machine; 500-byte records with five headers, idempotent, acks=all; 1 KB documents, w: majority; adapter and driver take turns on the same server; end to end: events through ingestion, identity and profiles, batches of 50 over HTTP, 5,000 people, each form given the same, everything on this machine; both servers leave flushing to the operating system, as one of several replicas does, while the embedded form flushes',
    figures: [
      ...(await lmdbFigures(options)),
      ...(await kafkaFigures(options)),
      ...(await mongoFigures(options)),
      ...(await bothForms(options)),
    ],
  }),
};

/** The embedded pair in the same run, so that one table shows all four adapters. */
async function lmdbFigures(options: BenchmarkOptions): Promise<Figure[]> {
  const workDir = join(options.workDir, 'lmdb');
  mkdirSync(workDir);
  const { figures } = await storage.run({ ...options, workDir });
  return figures.map((figure) => ({ ...figure, name: `LMDB ${figure.name}` }));
}

async function kafkaFigures(options: BenchmarkOptions): Promise<Figure[]> {
  options.say('starting Kafka');
  const kafka = await startKafka({ folder: join(options.workDir, 'kafka'), quickStart: false });
  const log = await openEventLog({ kind: 'kafka', brokers: kafka.brokers });
  const client = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });
  const producer = client.producer({ idempotent: true });
  try {
    await log.ensureTopics(['ours', 'theirs'].map((name) => ({ name, partitions, retentionMs: -1 })));
    await producer.connect();
    const figures: Figure[] = [];
    let n = 0;
    const records = (count: number): NewRecord[] =>
      Array.from({ length: count }, () => ({ key: `user-${n++ % 5000}`, value, headers }));
    for (const [inFlight, perCall] of [
      [1, 1],
      [64, 1],
      [8, 100],
      [4, 500],
    ] as const) {
      const name = `Kafka appends, ${inFlight} at a time${perCall > 1 ? ` of ${perCall}` : ''}`;
      const ours = concurrently(
        inFlight,
        perCall,
        async () => void (await log.append('ours', records(perCall))),
      );
      const theirs = concurrently(inFlight, perCall, () => send(producer, records(perCall)));
      figures.push(...(await compareRates(options, name, ours, theirs, 'kafkajs')));
    }
    figures.push(...(await consumeFigures(options, kafka.brokers)));
    return figures;
  } finally {
    await producer.disconnect();
    await log.close();
    await kafka.dispose();
  }
}

async function send(producer: Producer, records: readonly NewRecord[]): Promise<void> {
  await producer.send({
    topic: 'theirs',
    acks: -1,
    messages: records.map((record) => ({
      key: record.key,
      value,
      headers: { ...record.headers },
      partition: partitionOfKey(record.key, partitions),
    })),
  });
}

async function consumeFigures(options: BenchmarkOptions, brokers: readonly string[]): Promise<Figure[]> {
  const total = 200_000;
  const log = await openEventLog({ kind: 'kafka', brokers });
  await log.ensureTopics([{ name: 'read', partitions, retentionMs: -1 }]);
  for (let n = 0; n < total; n += 2000)
    await log.append(
      'read',
      Array.from({ length: 2000 }, (_, at) => ({ key: `user-${n + at}`, value, headers })),
    );
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (let turn = 0; turn < 3; turn++) {
    options.say(`Kafka: reading from the beginning, turn ${turn + 1} of 3`);
    let read = 0;
    let started = 0;
    const consumer = await log.consume({
      group: `ours-${turn}`,
      topics: ['read'],
      onBatch: (batch) => {
        started ||= performance.now();
        read += batch.records.length;
        return Promise.resolve();
      },
    });
    while (read < total) await new Promise((resolve) => setTimeout(resolve, 2));
    rates.ours.push((total / (performance.now() - started)) * 1000);
    await consumer.stop();
    rates.theirs.push(await driverReads(brokers, `theirs-${turn}`, total));
  }
  await log.close();
  const mean = (of: readonly number[]): number => of.reduce((sum, rate) => sum + rate, 0) / of.length;
  return [
    { name: 'Kafka records consumed', value: mean(rates.ours), unit: '/s' },
    { name: 'Kafka records consumed: kafkajs', value: mean(rates.theirs), unit: '/s' },
    {
      name: 'Kafka records consumed: ratio',
      value: mean(rates.ours) / mean(rates.theirs),
      unit: '×',
      floor: 0.8,
    },
  ];
}

/** The driver's own loop, doing as little as can be called consuming: keys and headers read, offsets committed. */
async function driverReads(brokers: readonly string[], groupId: string, total: number): Promise<number> {
  const consumer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).consumer({
    groupId,
    maxBytesPerPartition: 4 * 1024 * 1024,
  });
  let read = 0;
  let started = 0;
  let bytes = 0;
  await consumer.connect();
  await consumer.subscribe({ topics: ['read'], fromBeginning: true });
  await consumer.run({
    eachBatch: ({ batch }) => {
      started ||= performance.now();
      for (const message of batch.messages) {
        bytes += message.key?.toString().length ?? 0;
        for (const header of Object.values(message.headers ?? {})) bytes += String(header).length;
      }
      read += batch.messages.length;
      return Promise.resolve();
    },
  });
  while (read < total) await new Promise((resolve) => setTimeout(resolve, 2));
  const rate = (total / (performance.now() - started)) * 1000;
  await consumer.disconnect();
  if (bytes === 0) throw new Error('nothing was read');
  return rate;
}

async function mongoFigures(options: BenchmarkOptions): Promise<Figure[]> {
  options.say('starting the MongoDB-protocol server');
  const mongo = await startMongo({ folder: join(options.workDir, 'mongo'), syncOnCommit: false });
  const store = await openDocumentStore({ kind: 'mongodb', uri: mongo.uri, database: 'bench' });
  const client = new MongoClient(mongo.uri, {
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
  });
  try {
    const ours = await store.collection<{ padding: string; count: number }>({ name: 'ours' });
    const theirs = client
      .db('bench')
      .collection<{ _id: string; v: number; padding: string; count: number }>('theirs');
    const padding = 'x'.repeat(1000);
    const storedPeople = 2000;
    const [ids, driverIds] = [idsInTurn(storedPeople), idsInTurn(storedPeople)];
    const perCall = 200;
    const set = async (): Promise<void> => {
      const some = ids(perCall);
      const current = await ours.getMany(some);
      await ours.write(
        some.map((id, at) => ({
          id,
          doc: { padding, count: (current[at]?.doc.count ?? 0) + 1 },
          expectedVersion: current[at]?.version ?? 0,
        })),
      );
    };
    const driverSet = async (): Promise<void> => {
      const some = driverIds(perCall);
      const current = new Map(
        (await theirs.find({ _id: { $in: some } }, { batchSize: perCall + 1 }).toArray()).map((each) => [
          each._id,
          each,
        ]),
      );
      await theirs.bulkWrite(
        some.map((_id) => {
          const there = current.get(_id);
          const document = { v: (there?.v ?? 0) + 1, padding, count: (there?.count ?? 0) + 1 };
          return there === undefined
            ? { insertOne: { document: { _id, ...document } } }
            : { replaceOne: { filter: { _id, v: there.v }, replacement: document } };
        }),
        { ordered: false },
      );
    };
    const read = async (): Promise<void> => void (await ours.getMany(ids(perCall)));
    const driverRead = async (): Promise<void> =>
      void (await theirs.find({ _id: { $in: driverIds(perCall) } }, { batchSize: perCall + 1 }).toArray());
    for (let there = 0; there < storedPeople; there += perCall) {
      await set();
      await driverSet();
    }
    const figures: Figure[] = [];
    for (const [name, own, driver] of [
      ['compare-and-set', set, driverSet],
      ['reads', read, driverRead],
    ] as const) {
      figures.push(
        ...(await compareRates(
          options,
          `MongoDB ${name}, batches of ${perCall}`,
          concurrently(1, perCall, own),
          concurrently(1, perCall, driver),
          'driver',
        )),
      );
    }
    return figures;
  } finally {
    await client.close();
    await store.close();
    await mongo.dispose();
  }
}
