import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

/** The first ```bash block under a heading of the README, as a reader would paste it. */
function blockUnder(heading: string): string {
  const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf(`## ${heading}\n`));
  const block = /```bash\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`README.md: expected a bash block under "## ${heading}"`);
  return block;
}

describe('the tour of the README', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    // No credentials given: the platform makes its own, as on a reader's machine.
    platform = await startPlatform({ environment: { RAPPORT_WRITE_KEYS: '', RAPPORT_API_TOKEN: '' } });
  });
  afterAll(async () => platform.stop());

  it('runs as printed: people come in, a person is read, a decision is made and explained', () => {
    const script = blockUnder('Tour')
      .replaceAll('http://127.0.0.1:8080', platform.httpUrl)
      .replaceAll('./data/', `${platform.dataDir}/`);
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
  });
});
