import { describe, expect, it } from '@jest/globals';
import { runFuzz } from '@rapport/fuzz';
import { repositoryRoot } from '@rapport/testing';

describe('ten minutes of whatever comes in', () => {
  it('end with no more than 1.1 times the memory of minute 3, and with all that the minute of npm test asks for', async () => {
    const said: string[] = [];
    const report = await runFuzz({
      root: repositoryRoot,
      seed: 2_026,
      seconds: 600,
      say: (line) => said.push(line),
    });
    const { findings, answers: _answers, ...figures } = report;
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    if (findings.length > 0) process.stdout.write(`${said.join('\n')}\n`);
    expect(findings.map(({ kind, place }) => `${kind}: ${place}`)).toEqual([]);
    expect(report.memoryMinute3).toBeGreaterThan(0);
    expect(report.memoryEnd).toBeLessThanOrEqual(1.1 * report.memoryMinute3);
  }, 1_500_000);
});
