import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { KeptProcess, thisProcess, untilReady } from './kept-process.js';

const folder = mkdtempSync(join(tmpdir(), 'rapport-kept-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const engine = (program = 'setInterval(() => undefined, 1000)'): KeptProcess =>
  new KeptProcess({
    command: process.execPath,
    args: ['-e', program],
    folder,
    name: 'engine',
    owner: thisProcess(),
    remove: [],
  });

describe('an engine that is waited for', () => {
  it('ends at once when a stop is asked for', async () => {
    const kept = engine();
    kept.start();
    const asked = new AbortController();
    const runs = (): Promise<boolean> => {
      if (kept.pid !== undefined) asked.abort('Ctrl-C');
      return Promise.resolve(false);
    };
    await expect(untilReady(kept, 'engine', 30_000, runs, asked.signal)).rejects.toBe('Ctrl-C');
    expect([kept.ended, kept.pid]).toEqual([true, undefined]);
  });

  it('does not run on when it was not ready in time', async () => {
    const kept = engine();
    kept.start();
    await expect(untilReady(kept, 'engine', 500, () => Promise.resolve(false))).rejects.toMatchObject({
      code: 'ENGINES_NOT_READY',
      message: expect.stringContaining('engine was not ready within 500 ms'),
    });
    expect([kept.ended, kept.pid]).toEqual([true, undefined]);
  });

  it('says how it ended where nobody asked it to', async () => {
    const kept = engine('process.exit(7)');
    kept.start();
    await expect(untilReady(kept, 'engine', 30_000, () => Promise.resolve(false))).rejects.toThrow(
      /engine ended while starting.*ended unasked: exit code 7/s,
    );
  });
});
