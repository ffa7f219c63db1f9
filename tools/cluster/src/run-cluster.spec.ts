import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterServices, runCluster, type RunClusterOptions } from './run-cluster.js';

const root = mkdtempSync(join(tmpdir(), 'rapport-cluster-'));
// What a service does as far as its supervisor can see: it notes in DIARY what becomes of it. The door has
// requests to finish, so that all others could be gone and started again before their turn to be stopped comes.
const service = `
  import { appendFileSync } from 'node:fs';
  const { DIARY, RAPPORT_INSTANCE } = process.env;
  const note = (what) => DIARY && appendFileSync(DIARY, (RAPPORT_INSTANCE ?? 'spare') + ' ' + process.pid + ' ' + what + '\\n');
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => {
      note(signal);
      setTimeout(() => process.exit(), RAPPORT_INSTANCE === 'ingestion-1' ? 1000 : 100);
    });
  process.once('disconnect', () => process.exit());
  note('started');
  const address = 'http://127.0.0.1:9';
  process.send({ kind: 'ready', httpUrl: address, grpcAddress: address, metricsUrl: address });`;
// What `rapport up` does, without the engines.
const supervisor = `
  import { runCluster } from '@rapport/cluster';
  const [root, DIARY] = process.argv.slice(2);
  const cluster = await runCluster({ root, environment: { DIARY }, httpPort: 0, graceMs: 5000 });
  process.once('SIGINT', () => void cluster.stop().then(() => process.exit()));`;
beforeAll(() => {
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  for (const name of clusterServices) {
    mkdirSync(join(root, 'services', name, 'dist'), { recursive: true });
    writeFileSync(join(root, 'services', name, 'dist/main.js'), service);
  }
  mkdirSync(join(root, 'tools/cluster/dist'), { recursive: true });
  writeFileSync(join(root, 'tools/cluster/dist/spare.js'), service);
  writeFileSync(join(root, 'supervisor.js'), supervisor);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Every pid that a cluster ever told. */
function watched(): { onChange: NonNullable<RunClusterOptions['onChange']>; pids: Set<number> } {
  const pids = new Set<number>();
  return {
    pids,
    onChange: (processes) => {
      for (const { pid } of processes) if (pid !== undefined) pids.add(pid);
    },
  };
}

interface Note {
  readonly name: string;
  readonly pid: number;
  readonly what: string;
}

/** What the processes of one cluster noted, in the order in which it happened. */
function diary(): { path: string; notes: () => Note[]; alive: () => number[] } {
  const path = join(mkdtempSync(join(root, 'diary-')), 'notes');
  const notes = (): Note[] =>
    (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []).map((line) => {
      const [name = '', pid, what = ''] = line.split(' ');
      return { name, pid: Number(pid), what };
    });
  return { path, notes, alive: () => notes().flatMap(({ pid }) => (isAlive(pid) ? [pid] : [])) };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !holds();) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const names = clusterServices.map((name) => `${name}-1`);
const options = { root, environment: {}, httpPort: 0, graceMs: 5_000, spare: false } as const;

describe('a cluster', () => {
  it('leaves no process behind when its HTTP port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { onChange, pids } = watched();
    try {
      await expect(runCluster({ ...options, httpPort: port, onChange })).rejects.toMatchObject({
        code: 'EADDRINUSE',
        port,
      });
      expect([...pids].filter(isAlive)).toEqual([]);
    } finally {
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      taken.close();
    }
  });

  it('leaves no process behind when it is asked for more replicas than it has ports', async () => {
    const { onChange, pids } = watched();
    await expect(runCluster({ ...options, replicas: { orchestrator: 9 }, onChange })).rejects.toThrow(
      'replicas of orchestrator: expected a whole number from 1 to 8; got 9',
    );
    expect(pids.size).toBe(4);
    expect([...pids].filter(isAlive)).toEqual([]);
  });

  it('is not waited for any longer when a stop is asked for', async () => {
    const cluster = await runCluster(options);
    const asked = new AbortController();
    try {
      // Nothing answers at the address that the services tell.
      const ready = cluster.ready(50_000, asked.signal);
      asked.abort('Ctrl-C');
      await expect(ready).rejects.toBe('Ctrl-C');
    } finally {
      await cluster.stop();
    }
  }, 20_000);

  it('starts nothing again that ends while it stops', async () => {
    const { path, notes, alive } = diary();
    const cluster = await runCluster({ ...options, environment: { DIARY: path } });
    await until('all are ready', () => cluster.processes().every(({ state }) => state === 'ready'));
    const stopped = cluster.stop();
    // Its turn to be stopped is a second away.
    process.kill(cluster.processes().at(-1)?.pid ?? 0, 'SIGKILL');
    await stopped;
    expect(notes().filter(({ what }) => what === 'started')).toHaveLength(clusterServices.length);
    expect(alive()).toEqual([]);
  });
});

describe('a cluster on a terminal', () => {
  /** In a process group of its own, as a shell starts it; resolves when everything runs, the spare too. */
  async function startSupervisor(path: string, notes: () => Note[]): Promise<ChildProcess> {
    const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));
    const hooks = join(repositoryRoot, 'tools/jest/typescript-hooks.mjs');
    const child = spawn(process.execPath, ['--import', hooks, join(root, 'supervisor.js'), root, path], {
      cwd: repositoryRoot,
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await until(
      'the spare runs',
      () => child.exitCode !== null || notes().some(({ name }) => name === 'spare'),
    );
    return child;
  }

  it('asks each service to stop once, and starts none again, when Ctrl-C goes to all of the terminal', async () => {
    const { path, notes, alive } = diary();
    const child = await startSupervisor(path, notes);
    const ended = once(child, 'exit');
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect(await ended).toEqual([0, null]);
    const noted = (wanted: string): string[] =>
      notes().flatMap(({ name, what }) => (what === wanted ? [name] : []));
    expect(noted('started').sort()).toEqual([...names, 'spare'].sort());
    expect(noted('SIGINT')).toEqual([]);
    expect(noted('SIGTERM')).toEqual(names);
    expect(alive()).toEqual([]);
  });

  it('leaves no process behind when the supervisor is killed', async () => {
    const { path, notes, alive } = diary();
    const child = await startSupervisor(path, notes);
    child.kill('SIGKILL');
    await until('all have left', () => alive().length === 0);
    expect(notes().filter(({ what }) => what === 'started')).toHaveLength(names.length + 1);
  });
});
