import { describe, expect, it } from '@jest/globals';
import { runSeed } from '@rapport/chaos';
import { repositoryRoot } from '@rapport/testing';

// The short form; `npm run chaos` has more seeds, more events and more kills.
describe('a cluster that is shaken while it works', () => {
  it('ends where the acknowledged input leads to, as one process does that nobody shakes', async () => {
    const said: string[] = [];
    const report = await runSeed({
      root: repositoryRoot,
      seed: 11,
      events: 1_000,
      kills: 4,
      ways: ['embedded', 'chaos'],
      say: (line) => said.push(line),
    });
    if (report.violations.length > 0) process.stdout.write(`${said.join('\n')}\n`);
    expect(report.violations).toEqual([]);
    expect(report.kills).toBe(4);
    expect(report.messages).toBeGreaterThan(10);
    expect(report.ways.chaos?.digest).toBe(report.ways.embedded?.digest);
  }, 600_000);

  // Seeds in whose loads people merge while something is due for them, and twice in a row.
  it.each([1, 4])(
    'has exactly the messages that the oracle expects in one process: seed %i',
    async (seed) => {
      const said: string[] = [];
      const report = await runSeed({
        root: repositoryRoot,
        seed,
        events: 5_000,
        kills: 4,
        ways: ['embedded'],
        say: (line) => said.push(line),
      });
      if (report.violations.length > 0) process.stdout.write(`${said.join('\n')}\n`);
      expect(report.violations).toEqual([]);
      expect(report.ways.embedded?.messages).toBeGreaterThan(100);
    },
    300_000,
  );

  it('is shaken and fed in the same way by the same seed', async () => {
    const { makeLoad, planFaults } = await import('@rapport/chaos');
    const [one, again, other] = [5, 5, 6].map((seed) => makeLoad(seed, 500));
    if (one === undefined || again === undefined || other === undefined)
      throw new Error('expected three loads');
    expect(again).toEqual(one);
    expect(planFaults(again, 4)).toEqual(planFaults(one, 4));
    expect(planFaults(other, 4)).not.toEqual(planFaults(one, 4));
  });
});
