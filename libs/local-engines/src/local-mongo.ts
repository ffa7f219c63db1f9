import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MongoClient } from 'mongodb';
import { freePorts } from './free-ports.js';
import { KeptProcess, listens, thisProcess, untilReady, type Owner } from './kept-process.js';
import { provisionMongo } from './provision.js';

const readyMs = 60_000;

export interface LocalMongoOptions {
  /** Data that outlives the process; a temporary folder that `dispose` removes where absent. */
  readonly folder?: string;
  /** The folder that was named goes too when the owner is gone. */
  readonly temporary?: boolean;
  /** A free one where absent. */
  readonly port?: number;
  /** Forces every commit to disk, as a replica set does for `j: true`; default true. */
  readonly syncOnCommit?: boolean;
  readonly cacheSize?: string;
  /** With these it asks every client for one of them: password, and what the user may do in a database. */
  readonly users?: Readonly<
    Record<string, { readonly password: string; readonly role: 'read' | 'readWrite' }>
  >;
  /** The database that the users are let into; default `rapport`. */
  readonly database?: string;
  readonly args?: readonly string[];
  readonly owner?: Owner;
  /** Gives up a start that still goes on. */
  readonly stopped?: AbortSignal | undefined;
}

/** A real server that speaks MongoDB's protocol, one node, on this machine. */
export interface LocalMongo {
  readonly uri: string;
  readonly port: number;
  readonly folder: string;
  readonly pid: number | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Stops it and removes a temporary folder. */
  dispose(): Promise<void>;
}

/** Provisions, starts, and waits until it answers as a primary. */
export async function startMongo(options: LocalMongoOptions = {}): Promise<LocalMongo> {
  const program = await provisionMongo(options.stopped);
  // The engine runs there: whoever asks may name it from where they stand.
  const folder = resolve(options.folder ?? (await mkdtemp(join(tmpdir(), 'rapport-mongo-'))));
  mkdirSync(folder, { recursive: true });
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  const asks = options.users !== undefined;
  const processWith = (more: readonly string[]): KeptProcess =>
    new KeptProcess({
      command: program,
      args: [
        ...more,
        ...[
          '--host',
          '127.0.0.1',
          '--port',
          String(port),
          '--storage-path',
          join(folder, 'data'),
          '--cache-size',
          options.cacheSize ?? '256M',
        ],
        ...[
          '--log-level',
          'WARNING',
          ...((options.syncOnCommit ?? true) ? ['--sync-on-commit'] : []),
          ...(options.args ?? []),
        ],
      ],
      folder,
      name: 'mongo',
      owner: options.owner ?? thisProcess(),
      remove: options.folder === undefined || options.temporary === true ? [folder] : [],
    });
  const startOf = async (started: KeptProcess): Promise<void> => {
    started.start();
    await untilReady(started, 'the MongoDB-protocol server', readyMs, () => listens(port), options.stopped);
    await untilReady(started, 'the MongoDB-protocol server', readyMs, () => answers(uri), options.stopped);
  };
  if (asks) {
    // Users are made while nobody is asked who they are.
    const open = processWith([]);
    await startOf(open);
    await createUsers(uri, options.users, options.database ?? 'rapport');
    await open.stop();
  }
  const process = processWith(asks ? ['--auth'] : []);
  const start = (): Promise<void> => startOf(process);
  await start();
  return {
    uri,
    port,
    folder,
    get pid() {
      return process.pid;
    },
    start,
    stop: () => process.stop(),
    kill: async () => {
      process.signal('SIGKILL');
      await process.untilEnded();
    },
    pause: () => process.signal('SIGSTOP'),
    resume: () => process.signal('SIGCONT'),
    dispose: async () => {
      await process.stop();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function createUsers(
  uri: string,
  users: NonNullable<LocalMongoOptions['users']>,
  database: string,
): Promise<void> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 2000 });
  try {
    for (const [createUser, { password, role }] of Object.entries(users))
      await client.db('admin').command({ createUser, pwd: password, roles: [{ role, db: database }] });
  } finally {
    await client.close();
  }
}

async function answers(uri: string): Promise<boolean> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 2000 });
  try {
    const hello = await client.db('admin').command({ hello: 1 });
    return hello['isWritablePrimary'] === true;
  } finally {
    await client.close();
  }
}
