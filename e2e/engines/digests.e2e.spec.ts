import { describe, expect, it } from '@jest/globals';
import { compareDigests, monthInput, onlineRetailInput } from '@rapport/chaos';
import { repositoryRoot } from '@rapport/testing';
import { onlineRetailFile } from '../online-retail/reference.js';

// The short form; `npm run digests` takes the whole month and the whole file.
describe('one process and a cluster on real engines', () => {
  const say = (said: string[]) => (line: string) => void said.push(line);

  it('make the same of everybody in the first days of a simulated month', async () => {
    const said: string[] = [];
    const input = monthInput({ root: repositoryRoot, seed: 2, people: 200, days: 2 });
    const report = await compareDigests({ root: repositoryRoot, input, say: say(said) });
    if (!report.equal || report.apart.length > 0) process.stdout.write(`${said.join('\n')}\n`);
    expect(report.apart).toEqual([]);
    expect(report.cluster.digest).toBe(report.embedded.digest);
    expect(report.cluster.events).toBeGreaterThan(400);
    expect(report.cluster.people).toBeGreaterThan(80);
  }, 300_000);

  const file = onlineRetailFile();
  const whenPresent = file === undefined ? it.skip : it;
  whenPresent(
    `make the same of everybody in the first 5,000 lines of Online Retail${file === undefined ? ' (skipped: data not present)' : ''}`,
    async () => {
      const said: string[] = [];
      const input = onlineRetailInput({ root: repositoryRoot, file: file ?? '', lines: 5_000 });
      const report = await compareDigests({ root: repositoryRoot, input, say: say(said) });
      if (!report.equal || report.apart.length > 0) process.stdout.write(`${said.join('\n')}\n`);
      expect(report.apart).toEqual([]);
      expect(report.cluster.digest).toBe(report.embedded.digest);
      expect(report.cluster.events).toBeGreaterThan(150);
    },
    300_000,
  );
});
