import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { freePorts } from '@rapport/local-engines';
import { repositoryRoot, startPlatform } from '@rapport/testing';
import { until, waitingFor } from '../service-process.js';

/** The first ```bash block under a heading of the README, as a reader would paste it. */
function blockUnder(heading: string): string {
  const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf(`## ${heading}\n`));
  const block = /```bash\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`README.md: expected a bash block under "## ${heading}"`);
  return block;
}

/** Runs the tour as a reader would, and looks at what came. */
function takeTour(httpUrl: string, dataDir: string): void {
  const script = blockUnder('Tour')
    .replaceAll('http://127.0.0.1:8080', httpUrl)
    .replaceAll('./data/', `${dataDir}/`);
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect([status, stderr]).toEqual([0, '']);
  const answers = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [identified] = answers;
  expect(identified).toMatchObject({ success: true, results: [{ accepted: true }] });
  const person = answers.find((answer) => 'computedTraits' in answer);
  expect(person).toMatchObject({
    traits: { email: { value: 'ada@example.com' } },
    computedTraits: { views_7d: 3 },
  });
  expect(JSON.stringify(person)).toContain('anonymous_id');
  const decision = answers.find((answer) => 'propensity' in answer && !('versions' in answer));
  expect(decision?.['candidates']).toEqual(
    expect.arrayContaining([expect.objectContaining({ reason: expect.any(String) })]),
  );
  const explained = answers.find((answer) => 'versions' in answer);
  expect(explained?.['decisionId']).toBe(decision?.['decisionId']);
}

describe('the tour of the README', () => {
  it('runs as printed: people come in, a person is read, a decision is made and explained', async () => {
    // No credentials given: the platform makes its own, as on a reader's machine.
    const platform = await startPlatform({
      environment: { RAPPORT_WRITE_KEYS: '', RAPPORT_API_TOKEN: '' },
    });
    try {
      takeTour(platform.httpUrl, platform.dataDir);
    } finally {
      await platform.stop();
    }
  }, 120_000);

  it('runs unchanged on what `rapport up --profile cluster` starts', async () => {
    const [port = 0] = await freePorts(1);
    const dataDir = await mkdtemp(join(tmpdir(), 'rapport-tour-'));
    const cluster = spawn(
      process.execPath,
      [join(repositoryRoot, 'tools/bin/rapport.mjs'), 'up', '--profile', 'cluster'],
      {
        cwd: repositoryRoot,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          NODE_OPTIONS: '',
          RAPPORT_HTTP_PORT: String(port),
          // As the default is: from where one stands.
          RAPPORT_DATA_DIR: relative(repositoryRoot, dataDir),
        },
      },
    );
    const ended = new Promise<number | null>((resolve) => cluster.once('exit', resolve));
    let said = '';
    for (const stream of [cluster.stdout, cluster.stderr])
      stream.on('data', (some: Buffer) => (said += some.toString()));
    try {
      const url = `http://127.0.0.1:${port}`;
      await until(
        'the cluster is ready',
        async () => {
          if (cluster.exitCode !== null) return said;
          return (await waitingFor(url)).length === 0 ? 'ready' : undefined;
        },
        120_000,
      ).then((how) => expect(how).toBe('ready'));
      // Of what it could print, one door serves this alone.
      const ready = await until('it says so', () => Promise.resolve(/^Ready after .*$/m.exec(said)?.[0]));
      for (const [address] of ready.matchAll(/http:\S+/g)) expect(address).toBe(url);
      takeTour(url, dataDir);
    } finally {
      cluster.kill('SIGTERM');
      await ended;
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 240_000);
});
