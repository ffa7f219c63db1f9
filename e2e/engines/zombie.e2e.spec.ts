import { describe, expect, it } from '@jest/globals';
import { wakeZombie } from '@rapport/chaos';
import { repositoryRoot } from '@rapport/testing';

describe('a process that was stopped for longer than its session and goes on', () => {
  it('writes nothing: another one has done its work', async () => {
    const said: string[] = [];
    const report = await wakeZombie({
      root: repositoryRoot,
      seed: 21,
      events: 400,
      service: 'profiles',
      say: (line) => said.push(line),
    });
    const clean = { tookOver: true, writtenAfterwards: [], grownAfterwards: [], violations: [] };
    if (report.violations.length > 0) process.stdout.write(`${said.join('\n')}\n`);
    expect(report).toEqual(clean);
  }, 600_000);
});
