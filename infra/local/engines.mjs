#!/usr/bin/env node
// Real Kafka and a MongoDB-protocol server on this machine, without Docker:
//   node infra/local/engines.mjs provision          downloads what is missing to .local/engines, once per version
//   node infra/local/engines.mjs start [FOLDER]     starts both on free ports, data in FOLDER (default .local/engines/data),
//                                                   prints their addresses as JSON and keeps them until Ctrl-C
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { build } = await import('../../tools/bin/build.mjs');
await build();
const { provisionKafka, provisionMongo, startKafka, startMongo } =
  await import('../../libs/local-engines/dist/index.js');

const [command, folder = join(root, '.local/engines/data')] = process.argv.slice(2);
try {
  if (command === 'provision') {
    await Promise.all([provisionKafka(), provisionMongo()]);
    console.log('Kafka and the MongoDB-protocol server are installed under .local/engines');
  } else if (command === 'start') {
    await start(resolve(folder));
  } else {
    console.error('expected: engines.mjs provision | start [FOLDER]');
    process.exitCode = 2;
  }
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : String(thrown));
  process.exitCode = 1;
}

async function start(into) {
  for (const name of ['kafka', 'mongo']) mkdirSync(join(into, name), { recursive: true });
  const [kafka, mongo] = await Promise.all([
    startKafka({ folder: join(into, 'kafka'), quickStart: false }),
    startMongo({ folder: join(into, 'mongo') }),
  ]);
  console.log(
    JSON.stringify({
      RAPPORT_KAFKA_BROKERS: kafka.brokers.join(','),
      RAPPORT_MONGODB_URI: mongo.uri,
      folder: into,
    }),
  );
  const forever = setInterval(() => undefined, 60_000);
  await new Promise((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  });
  clearInterval(forever);
  await Promise.all([kafka.stop(), mongo.stop()]);
}
