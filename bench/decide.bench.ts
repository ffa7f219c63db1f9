import { join } from 'node:path';
import { startLoad } from './load/start-load.js';
import type { HttpLoadResult } from './load/http-load.js';
import { anonymousPerson, decideBodies, eventBodies } from './payloads.js';
import { undisturbed, type Watched } from './servers/process-cpu.js';
import { percentile, type Benchmark, type Figure } from './report.js';
import { crowdedPlacement, writeCrowdedPlaybook } from './servers/crowded-playbook.js';
import { waitForEvents } from './servers/progress.js';
import { apiToken, basicKey, startWholePlatform, type BenchServer } from './servers/start-server.js';

const candidates = 100;
const people = 2000;
const decisionsPerSecond = 200;
const eventsPerSecond = 1000;

/** What a page waits for. */
export const decide: Benchmark = {
  name: 'decide',
  title: `Decide with ${candidates} candidates: ${decisionsPerSecond}/s while ${eventsPerSecond} events/s come in`,
  run: async (options) => {
    const playbookDir = join(options.workDir, 'playbook');
    writeCrowdedPlaybook(playbookDir, candidates);
    const server = await startWholePlatform(options.workDir, playbookDir);
    try {
      options.say(`making ${people} people`);
      await makePeople(server);
      await checkOne(server);
      options.say(`${decisionsPerSecond} decisions/s on an otherwise idle platform`);
      const idle = await undisturbed(server.pid, () => decisions(server, options.seconds / 2));
      options.say(`${decisionsPerSecond} decisions/s while ${eventsPerSecond} events/s come in`);
      const both = await undisturbed(server.pid, (round) => {
        if (round > 1) options.say(`once more: the host took the processors for others (round ${round})`);
        return Promise.all([decisions(server, options.seconds), singles(server, options.seconds)]);
      });
      const [busy, events] = both.result;
      return {
        name: 'decide',
        title: decide.title,
        setup: `whole platform in one process, embedded engines; ${candidates} tactics on one placement, 80 of them open to everyone, half ranked by the propensity model (ONNX), each with a cap; over HTTP with JSON, 32 connections, latency from the instant a request was due; load generators in their own processes (own HTTP/1.1 over node:net)`,
        figures: [
          ...figuresOf('busy', busy, { p99Floor: 25, p99Aim: 4 }),
          { name: 'busy: decisions answered', value: busy.requests / busy.seconds, unit: '/s' },
          {
            name: 'busy: events accepted meanwhile',
            value: events.requests / events.seconds,
            unit: 'events/s',
          },
          ...cpuFigures('busy', both),
          ...figuresOf('otherwise idle', idle.result),
          ...cpuFigures('otherwise idle', idle),
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

async function makePeople(server: BenchServer): Promise<void> {
  const bodies = eventBodies((people * 4) / 50, 50, people);
  for (const [index, body] of bodies.entries()) {
    const response = await fetch(`${server.url}/v1/batch`, {
      method: 'POST',
      headers: { authorization: basicKey },
      body: body.replaceAll('9'.repeat(12), String(index).padStart(12, '0')),
    });
    if (response.status !== 200)
      throw new Error(`the door answered ${response.status}: ${await response.text()}`);
  }
  await waitForEvents(server, people * 4, 60_000);
}

/** The figure is only worth something when the candidates are really there. */
async function checkOne(server: BenchServer): Promise<void> {
  const response = await fetch(`${server.url}/v1/decide`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ person: anonymousPerson(1), placement: crowdedPlacement }),
  });
  const text = await response.text();
  const answer = JSON.parse(text) as { candidates?: unknown[]; chosen?: { tactic: string } | null };
  if (
    response.status !== 200 ||
    answer.candidates?.length !== candidates ||
    !answer.chosen?.tactic.startsWith('bench_')
  ) {
    throw new Error(
      `expected a choice among ${candidates} candidates; got ${response.status} ${text.slice(0, 400)}`,
    );
  }
}

async function decisions(server: BenchServer, seconds: number): Promise<HttpLoadResult> {
  const result = await startLoad({
    port: server.port,
    path: '/v1/decide',
    headers: { authorization: `Bearer ${apiToken}` },
    bodies: decideBodies(people, people, crowdedPlacement),
    connections: 32,
    seconds,
    warmUpSeconds: 6,
    requestsPerSecond: decisionsPerSecond,
  });
  if (result.failed > 0) throw new Error(`${result.failed} decisions failed: ${result.failure ?? ''}`);
  return result;
}

async function singles(server: BenchServer, seconds: number): Promise<HttpLoadResult> {
  return await startLoad({
    port: server.port,
    path: '/v1/track',
    headers: { authorization: basicKey },
    bodies: eventBodies(1000, 1, people),
    connections: 32,
    seconds,
    warmUpSeconds: 6,
    requestsPerSecond: eventsPerSecond,
  });
}

const cpuFigures = (when: string, { cores, stolen }: Omit<Watched<unknown>, 'result'>): Figure[] => [
  ...(cores === undefined
    ? []
    : [{ name: `${when}: processor taken`, value: cores * 100, unit: '% of a core' }]),
  ...(stolen === undefined
    ? []
    : [{ name: `${when}: taken away by the host`, value: stolen * 100, unit: '% of the machine' }]),
];

function figuresOf(
  when: string,
  result: HttpLoadResult,
  bounds?: { p99Floor: number; p99Aim: number },
): Figure[] {
  const sorted = Float64Array.from(result.latenciesMs).sort();
  return [
    { name: `${when}: decide p50`, value: percentile(sorted, 50), unit: 'ms', lessIsBetter: true },
    {
      name: `${when}: decide p99`,
      value: percentile(sorted, 99),
      unit: 'ms',
      lessIsBetter: true,
      ...(bounds === undefined ? {} : { floor: bounds.p99Floor, aim: bounds.p99Aim }),
    },
    { name: `${when}: decide p99.9`, value: percentile(sorted, 99.9), unit: 'ms', lessIsBetter: true },
  ];
}
