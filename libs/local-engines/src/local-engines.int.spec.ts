import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listens } from './kept-process.js';
import { repositoryRoot } from './repository-root.js';
import { sharedMongo } from './engines-of-this-run.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`not within 30 s: ${what}`);
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
