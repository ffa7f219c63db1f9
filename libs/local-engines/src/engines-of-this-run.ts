import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { listens, startOf, type Owner } from './kept-process.js';
import { startKafka } from './local-kafka.js';
import { startMongo } from './local-mongo.js';
import { turn } from './provision.js';

/** The test run that this process belongs to: Jest's workers are children of the run, and end before it. */
function testRun(): Owner {
  const pid = process.connected ? process.ppid : process.pid;
  return { pid, started: startOf(pid) };
}

/** The broker of this test run: the first test file that asks starts it, it ends with the run. */
export const sharedKafka = (): Promise<{ readonly brokers: readonly string[] }> =>
  shared('kafka', async (owner, folder) => {
    const { brokers } = await startKafka({ owner, folder, temporary: true });
    return { brokers, port: Number(brokers[0]?.split(':')[1]) };
  });

/** The MongoDB-protocol server of this test run, likewise. */
export const sharedMongo = (): Promise<{ readonly uri: string }> =>
  shared('mongo', async (owner, folder) => {
    // Durability has tests of its own, with servers of their own.
    const { uri, port } = await startMongo({ owner, folder, temporary: true, syncOnCommit: false });
    return { uri, port };
  });

async function shared<T extends { readonly port: number }>(
  name: string,
  start: (owner: Owner, folder: string) => Promise<T>,
): Promise<T> {
  const owner = testRun();
  const folder = join(tmpdir(), `rapport-engines-${owner.pid}-${owner.started}`, name);
  mkdirSync(folder, { recursive: true });
  const known = join(folder, 'address.json');
  const release = await turn(join(folder, 'starting'));
  try {
    if (existsSync(known)) {
      const address = JSON.parse(readFileSync(known, 'utf8')) as T;
      if (await listens(address.port)) return address;
    }
    const address = await start(owner, folder);
    writeFileSync(known, JSON.stringify(address));
    return address;
  } finally {
    release();
  }
}
