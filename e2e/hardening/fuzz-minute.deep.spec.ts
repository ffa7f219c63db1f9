import { describe, expect, it } from '@jest/globals';
import { runFuzz } from '@rapport/fuzz';
import { repositoryRoot } from '@rapport/testing';

// The minute; it joins npm test when it is green on busy machines too. fuzz.deep.spec.ts has ten, `npm run fuzz -- --seed N --seconds S` any other.
describe('whatever comes in, over any door and as raw records', () => {
  it('stops nothing, is nobody’s fault but the client’s, and leaves nothing undone, also after a stop and a kill', async () => {
    const said: string[] = [];
    const report = await runFuzz({
      root: repositoryRoot,
      seed: 13,
      seconds: 60,
      say: (line) => said.push(line),
    });
    if (report.findings.length > 0) process.stdout.write(`${said.join('\n')}\n`);
    expect(report.findings.map(({ kind, place }) => `${kind}: ${place}`)).toEqual([]);
    expect(report.deaths).toBe(0);
    // That it got past the doors, through each of them.
    const sent = Object.values(report.inputs).reduce((sum, count) => sum + count, 0);
    expect(report.accepted).toBeGreaterThan(sent / 20);
    for (const door of ['http', 'api', 'grpc', 'bad-http', 'models', 'mail', 'records'])
      expect([door, report.inputs[door]]).toEqual([door, expect.any(Number)]);
  }, 600_000);
});
