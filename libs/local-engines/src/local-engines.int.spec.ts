import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listens, startOf } from './kept-process.js';
import { repositoryRoot } from './repository-root.js';
import { sharedMongo } from './engines-of-this-run.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seen = (): string => '',
): Promise<void> {
  const giveUpAt = Date.now() + 90_000;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`not within 90 s: ${what} ${seen()}`);
    await pause(50);
  }
}
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a process that outlives nobody', () => {
  it('ends with its owner, also when that is killed, and its temporary data with it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rapport-owner-'));
    const script = join(folder, 'owner.mjs');
    writeFileSync(
      script,
      `import { startMongo } from '@rapport/local-engines';
       const mongo = await startMongo({ syncOnCommit: false });
       process.stdout.write(JSON.stringify({ pid: mongo.pid, port: mongo.port, folder: mongo.folder }));
       setInterval(() => undefined, 1000);`,
    );
    const owner = spawn(
      process.execPath,
      ['--import', join(repositoryRoot, 'tools/jest/typescript-hooks.mjs'), script],
      {
        cwd: repositoryRoot,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const said = await new Promise<string>((resolve, reject) => {
      owner.stdout.once('data', (some: Buffer) => resolve(some.toString()));
      owner.once('exit', (code) => reject(new Error(`the owner ended with ${code}`)));
    });
    const engine = JSON.parse(said) as { pid: number; port: number; folder: string };
    expect(await listens(engine.port)).toBe(true);
    owner.kill('SIGKILL');
    await until('the engine is gone', () => !isRunning(engine.pid));
    await until('its data is gone', () => !existsSync(engine.folder));
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  it('is shared by all who ask in one test run', async () => {
    const [first, second] = await Promise.all([sharedMongo(), sharedMongo()]);
    expect(second).toEqual(first);
  }, 120_000);
});

describe('the engines of a test run', () => {
  interface Engines {
    readonly kafka: string;
    readonly mongo: string;
  }
  /** A test runner as Jest is one: a process with a worker of its own that asks for both engines. */
  async function startRun(): Promise<{ run: ChildProcess; engines: Engines; folder: string }> {
    const script = join(repositoryRoot, 'libs/local-engines/src/testing/test-run.ts');
    const run = spawn(
      process.execPath,
      ['--import', join(repositoryRoot, 'tools/jest/typescript-hooks.mjs'), script],
      { cwd: repositoryRoot, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const said = await new Promise<string>((resolve, reject) => {
      let text = '';
      run.stdout.on('data', (some: Buffer) => {
        text += some.toString();
        if (text.endsWith('\n')) resolve(text);
      });
      run.once('exit', (code) => reject(new Error(`the run ended with ${code}`)));
    });
    const folder = join(tmpdir(), `rapport-engines-${run.pid}-${startOf(run.pid ?? 0)}`);
    return { run, engines: JSON.parse(said) as Engines, folder };
  }
  /** Processes whose command line names the folder: engines, and those who keep them. */
  const processesOf = (folder: string): string[] =>
    readdirSync('/proc').filter((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    });

  it('start and end by themselves, also after a run that was killed, and leave nothing', async () => {
    for (const how of ['is killed', 'ends'] as const) {
      const { run, engines, folder } = await startRun();
      expect(await listens(Number(engines.kafka.split(':')[1]))).toBe(true);
      expect(await listens(Number(new URL(engines.mongo).port))).toBe(true);
      // Two engines, each with its keeper.
      expect(processesOf(folder).length).toBeGreaterThanOrEqual(4);
      if (how === 'is killed') run.kill('SIGKILL');
      else run.stdin?.end();
      await until(
        `no process is left when a run ${how}`,
        () => processesOf(folder).length === 0,
        () =>
          processesOf(folder)
            .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').slice(0, 200))
            .join('\n'),
      );
      await until(`no data is left when a run ${how}`, () => !existsSync(folder));
    }
  }, 240_000);
});

describe('the proxy in front of an engine', () => {
  let proxy: TcpProxy;
  let port = 0;
  const echo = createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
  beforeAll(async () => {
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const address = echo.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    proxy = await startTcpProxy(() => port);
  });
  afterAll(async () => {
    await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  });
  const client = async (): Promise<{ socket: Socket; got: () => string; closed: () => boolean }> => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1' });
    let text = '';
    let closed = false;
    socket
      .on('data', (some: Buffer) => (text += some.toString()))
      .on('close', () => (closed = true))
      .on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    return { socket, got: () => text, closed: () => closed };
  };

  it('passes bytes on, cuts in the middle of them, and lets new connections in afterwards', async () => {
    const one = await client();
    one.socket.write('hello');
    await until('echoed', () => one.got() === 'hello');
    proxy.cutAfter(3, 'received');
    one.socket.write('world');
    await until('cut', () => one.closed());
    expect(one.got()).toBe('hellowor');
    const two = await client();
    two.socket.write('again');
    await until('echoed', () => two.got() === 'again');
    two.socket.destroy();
  });

  it('freezes and thaws, slows, refuses and accepts', async () => {
    const one = await client();
    proxy.freeze();
    one.socket.write('x');
    await pause(100);
    expect(one.got()).toBe('');
    proxy.thaw();
    await until('thawed', () => one.got() === 'x');
    proxy.slow(60);
    const started = performance.now();
    one.socket.write('y');
    await until('slow', () => one.got() === 'xy');
    expect(performance.now() - started).toBeGreaterThan(100);
    proxy.slow(0);
    proxy.refuse();
    await until('cut', () => one.closed());
    const refused = await client();
    await until('turned away', () => refused.closed());
    proxy.accept();
  });
});
