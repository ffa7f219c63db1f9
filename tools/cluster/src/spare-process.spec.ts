import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { SpareProcess } from './spare-process.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rapport-spare-'));
const ahead = join(folder, 'ahead.mjs');
const main = join(folder, 'main.mjs');
writeFileSync(ahead, 'globalThis.loadedAhead = process.env.RAPPORT_INSTANCE ?? "nobody yet";');
writeFileSync(
  main,
  `const { PATH, ...environment } = process.env;
   process.send({ ahead: globalThis.loadedAhead, environment });
   process.once('disconnect', () => process.exit());`,
);
const ended: (() => void)[] = [];
const spareOf = (modules: readonly string[]): SpareProcess => {
  const spare = new SpareProcess({
    root,
    modules,
    environment: { PATH: process.env['PATH'] ?? '', ONLY_THE_SPARE: 'yes' },
    onOutput: () => undefined,
  });
  ended.push(() => spare.stop());
  return spare;
};

afterEach(() => {
  for (const end of ended.splice(0)) end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the spare process', () => {
  it('runs the entry point it is told with its environment alone, what it needs already loaded', async () => {
    const spare = spareOf([ahead]);
    expect(spare.begin({ main, environment: {} })).toBeUndefined();
    spare.renew();
    const { pid } = spare;
    const child = spare.begin({ main, environment: { RAPPORT_INSTANCE: 'profiles-2' } });
    ended.push(() => child?.kill('SIGKILL'));
    expect(child?.pid).toBe(pid);
    const said = await new Promise((resolve) => child?.once('message', resolve));
    expect(said).toEqual({ ahead: 'nobody yet', environment: { RAPPORT_INSTANCE: 'profiles-2' } });
    // It is taken: the next one starts cold until there is another.
    expect(spare.begin({ main, environment: {} })).toBeUndefined();
    spare.renew();
    expect(spare.pid).not.toBe(pid);
  }, 60_000);

  it('is not offered once it has died', async () => {
    const spare = spareOf([join(folder, 'missing.mjs')]);
    spare.renew();
    for (const deadline = Date.now() + 30_000; spare.pid !== undefined && Date.now() < deadline;)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(spare.begin({ main, environment: {} })).toBeUndefined();
  }, 60_000);
});
