import { modelsProto, profilesProto } from '@rapport/contracts';
import { createCalls, type Calls } from '@rapport/service-host';
import { anonymousPerson, eventBodies } from './payloads.js';
import { percentile, type Benchmark, type BenchmarkOptions, type Figure } from './report.js';
import { waitForEvents } from './servers/progress.js';
import { apiToken, basicKey, startWholePlatform, type BenchServer } from './servers/start-server.js';

const people = 1000;

/** What a service that uses scores and features waits for. */
export const reads: Benchmark = {
  name: 'reads',
  title: 'Score and feature reads over gRPC',
  run: async (options) => {
    const server = await startWholePlatform(options.workDir);
    const calls = createCalls({ addressOf: () => server.grpcAddress, apiToken });
    try {
      await makePeople(server);
      return {
        name: 'reads',
        title: reads.title,
        setup:
          'whole platform in one process, embedded engines, sample playbook; the caller is this process, one call at a time over gRPC on loopback; features are read at the call',
        figures: await measure(calls, options),
      };
    } finally {
      calls.close();
      await server.stop();
    }
  },
};

async function measure(calls: Calls, options: BenchmarkOptions): Promise<Figure[]> {
  const profiles = calls.to<profilesProto.ProfilesService>(profilesProto.ProfilesServiceDefinition);
  const models = calls.to<modelsProto.ModelsService>(modelsProto.ModelsServiceDefinition);
  const persons = (count: number, turn: number): string[] =>
    Array.from({ length: count }, (_, index) => anonymousPerson((turn * count + index) % people));
  const rows = Array.from({ length: 100 }, (_, index) => ({
    values: { views_7d: index % 9, orders_count: index % 3 },
  }));
  const { rows: found } = await profiles.batchGetFeatures({ persons: persons(1, 0), features: [] });
  if (found[0]?.found !== true)
    throw new Error(`expected features of ${persons(1, 0)[0] ?? ''}; got ${JSON.stringify(found)}`);
  const kinds: readonly [string, (turn: number) => Promise<unknown>][] = [
    [
      'features of 1 person',
      (turn) => profiles.batchGetFeatures({ persons: persons(1, turn), features: [] }),
    ],
    [
      'features of 100 people',
      (turn) => profiles.batchGetFeatures({ persons: persons(100, turn), features: [] }),
    ],
    [
      'score of 1 person, features read',
      (turn) => models.score({ model: 'propensity', version: '', persons: persons(1, turn), rows: [] }),
    ],
    [
      'scores of 100 people, features read',
      (turn) => models.score({ model: 'propensity', version: '', persons: persons(100, turn), rows: [] }),
    ],
    [
      'scores of 100 rows as given',
      () => models.score({ model: 'propensity', version: '', persons: [], rows }),
    ],
  ];
  const figures: Figure[] = [];
  for (const [name, call] of kinds) {
    options.say(name);
    const times = await timed(call, options.seconds / kinds.length);
    figures.push(
      { name: `${name}, p50`, value: percentile(times, 50), unit: 'ms' },
      { name: `${name}, p99`, value: percentile(times, 99), unit: 'ms' },
    );
  }
  return figures;
}

async function timed(call: (turn: number) => Promise<unknown>, seconds: number): Promise<number[]> {
  for (let turn = 0; turn < 200; turn++) await call(turn);
  const times: number[] = [];
  const until = performance.now() + seconds * 1000;
  for (let turn = 0; performance.now() < until; turn++) {
    const started = performance.now();
    await call(turn);
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b);
}

async function makePeople(server: BenchServer): Promise<void> {
  const bodies = eventBodies((people * 3) / 50, 50, people);
  for (const [index, body] of bodies.entries()) {
    await fetch(`${server.url}/v1/batch`, {
      method: 'POST',
      headers: { authorization: basicKey },
      body: body.replaceAll('9'.repeat(12), String(index).padStart(12, '0')),
    });
  }
  await waitForEvents(server, people * 3, 60_000);
}
