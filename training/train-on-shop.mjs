#!/usr/bin/env node
// Lives a simulated month on a platform in virtual time, exports its events and trains the propensity model on them:
// node training/train-on-shop.mjs [--people 3000] [--seed 101] [--version 1] [--keep FILE]. Needs `npm run build`.
import { spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { root, trainingEnvironment } from './environment.mjs';

const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '3000' },
    seed: { type: 'string', default: '101' },
    version: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
const { python, missing } = trainingEnvironment();
if (python === undefined) {
  console.error(`training needs Python, and ${missing}`);
  process.exit(1);
}
process.chdir(root);
const { loadPlaybook } = await import('@rapport/playbook');
const { runMonth, shopTermsOf } = await import('@rapport/storefront');
const { startPlatform } = await import('@rapport/testing');

const start = '2026-03-02T00:00:00.000Z';
// Nothing has to outlive the run: where the machine has a folder in memory, it spares the disk.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-shop-'));
const exported = values.keep ?? join(folder, 'export.ndjson');
try {
  const platform = await startPlatform({ virtualFrom: start, dataDir: join(folder, 'data') });
  try {
    const terms = shopTermsOf(await loadPlaybook('playbook'));
    const [seed, people] = [Number(values.seed), Number(values.people)];
    const month = await runMonth({ ...platform, seed, people, terms, startMs: Date.parse(start), stepMs: 4 * 3_600_000 });
    console.log(`a month of ${people} people: ${month.events} events, ${month.decisions} decisions in ${Math.round(month.elapsedMs / 1000)} s`);
    const response = await fetch(`${platform.httpUrl}/v1/export/events`, { headers: { authorization: `Bearer ${platform.apiToken}` } });
    await pipeline(Readable.fromWeb(response.body), createWriteStream(exported));
  } catch (thrown) {
    console.error(platform.output().slice(-4000));
    throw thrown;
  } finally {
    await platform.stop();
  }
  const { status } = spawnSync(
    python,
    [
      ...['-m', 'rapport_training.command', 'train', '--export', exported, '--since', start, '--version', values.version],
      ...['--source', `a month of the simulated shop: ${values.people} people, seed ${values.seed}`],
    ],
    { stdio: 'inherit', env: { ...process.env, PYTHONPATH: join(root, 'training/src') } },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
