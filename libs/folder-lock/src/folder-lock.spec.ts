import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { lockFolder } from './folder-lock.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rapport-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('is one holder’s at a time, until released', () => {
  const lock = lockFolder(folder, 'TAKEN');
  expect(() => lockFolder(folder, 'TAKEN')).toThrow(
    expect.objectContaining({ code: 'TAKEN', message: expect.stringContaining(String(process.pid)) }),
  );
  lock.release();
  lockFolder(folder, 'TAKEN').release();
  expect(existsSync(join(folder, 'in-use.json'))).toBe(false);
});

it('of another host is taken over when that has shown no sign of life', async () => {
  const path = join(folder, 'in-use.json');
  await writeFile(path, JSON.stringify({ pid: 1, started: '1', host: 'elsewhere', token: 'x' }));
  expect(() => lockFolder(folder, 'TAKEN')).toThrow(/elsewhere/);
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(path, longAgo, longAgo);
  lockFolder(folder, 'TAKEN').release();
});

it('survives a torn file', async () => {
  await writeFile(join(folder, 'in-use.json'), '{"pid":');
  lockFolder(folder, 'TAKEN').release();
});

it('goes to exactly one of many processes that find the lock of a dead one', async () => {
  await writeFile(
    join(folder, 'in-use.json'),
    JSON.stringify({ pid: 4_194_000, started: '1', host: 'x', token: 'dead' }),
  );
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(join(folder, 'in-use.json'), longAgo, longAgo);
  const script = join(folder, 'take.mjs');
  await writeFile(
    script,
    `import { lockFolder } from '@rapport/folder-lock';
     process.stdin.once('data', () => {
       try { lockFolder(${JSON.stringify(folder)}, 'TAKEN'); process.stdout.write('won'); } catch { process.stdout.write('lost'); }
     });
     process.stdin.once('end', () => process.exit());
     process.stdout.write('ready');`,
  );
  const takers = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--import', join(root, 'tools/jest/typescript-hooks.mjs'), script], {
      cwd: root,
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const said = takers.map(() => '');
  takers.forEach((taker, at) => taker.stdout.on('data', (some: Buffer) => (said[at] += some.toString())));
  const all = (ending: RegExp): boolean => said.every((text) => ending.test(text));
  const until = async (ending: RegExp): Promise<void> => {
    while (!all(ending)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await until(/ready/);
  for (const taker of takers) taker.stdin.write('go\n');
  await until(/won|lost/);
  expect(said.filter((text) => text.includes('won'))).toHaveLength(1);
  for (const taker of takers) taker.stdin.end();
}, 60_000);
