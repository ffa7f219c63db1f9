import { startLoad } from './load/start-load.js';
import { eventBodies } from './payloads.js';
import { percentile, type Benchmark, type BenchmarkOptions, type Figure } from './report.js';
import { eventsThroughProfiles, waitForEvents } from './servers/progress.js';
import { apiToken, basicKey, startWholePlatform, type BenchServer } from './servers/start-server.js';

const batchSize = 50;
const people = 5000;
/** The pace at which the delay is measured: the floor of the rate. */
const pacedPerSecond = 2500;

/** Events per second from the door until they are folded into a profile, and how long one event is on its way. */
export const endToEnd: Benchmark = {
  name: 'end-to-end',
  title: 'Events through ingestion, identity and profiles: the whole platform in one process',
  run: async (options) => {
    const server = await startWholePlatform(options.workDir);
    try {
      const figures = [...(await saturated(server, options)), ...(await paced(server, options))];
      return {
        name: 'end-to-end',
        title: endToEnd.title,
        setup: `whole platform in one process, embedded engines, sample playbook, ${people} people; batches of ${batchSize} over HTTP; an event is through when profiles has written it; load generator in its own process (own HTTP/1.1 over node:net)`,
        figures,
      };
    } finally {
      await server.stop();
    }
  },
};

/** As many as go in, until the last of them is through. */
async function saturated(server: BenchServer, options: BenchmarkOptions): Promise<Figure[]> {
  options.say('warming up');
  await load(server, { seconds: 2, connections: 2 });
  await waitForEvents(server, await sentSoFar(server), 60_000);
  options.say(`as many events as go in, for ${options.seconds} s, and until they are through`);
  const before = await sentSoFar(server);
  const started = performance.now();
  const accepted = await load(server, { seconds: options.seconds, connections: 4 });
  const loadedMs = performance.now() - started;
  const sent = await sentSoFar(server);
  const behind = sent - (await eventsThroughProfiles(server));
  const drainedMs = await waitForEvents(server, sent, 120_000);
  return [
    {
      name: 'through profiles, as many as go in',
      value: ((sent - before) * 1000) / (loadedMs + drainedMs),
      unit: 'events/s',
      floor: 2500,
      aim: 6000,
    },
    { name: 'accepted at the door meanwhile', value: accepted, unit: 'events/s' },
    { name: 'still on their way when the sending ended', value: behind, unit: 'events' },
    { name: 'until the last of them was through', value: drainedMs, unit: 'ms' },
  ];
}

/** At a steady pace: from sending an event of a new person until that person can be read with it. */
async function paced(server: BenchServer, options: BenchmarkOptions): Promise<Figure[]> {
  options.say(`${pacedPerSecond} events/s for ${options.seconds} s, looking how long single events take`);
  const delays: number[] = [];
  let over = false;
  const probing = (async () => {
    await sleep(500);
    for (let number = 0; !over; number++) {
      delays.push(await delayOfOne(server, `probe-${Date.now()}-${number}`));
      await sleep(25);
    }
  })();
  const accepted = await load(server, {
    seconds: options.seconds,
    connections: 16,
    eventsPerSecond: pacedPerSecond,
  });
  over = true;
  await probing;
  const lag = (await sentSoFar(server)) - (await eventsThroughProfiles(server));
  const sorted = delays.sort((a, b) => a - b);
  return [
    { name: `at a pace of ${pacedPerSecond}/s: accepted`, value: accepted, unit: 'events/s' },
    {
      name: `at a pace of ${pacedPerSecond}/s: from sending to readable, p50`,
      value: percentile(sorted, 50),
      unit: 'ms',
    },
    {
      name: `at a pace of ${pacedPerSecond}/s: from sending to readable, p99`,
      value: percentile(sorted, 99),
      unit: 'ms',
    },
    { name: `at a pace of ${pacedPerSecond}/s: on their way at the end`, value: lag, unit: 'events' },
  ];
}

async function delayOfOne(server: BenchServer, userId: string): Promise<number> {
  const started = performance.now();
  await fetch(`${server.url}/v1/identify`, {
    method: 'POST',
    headers: { authorization: basicKey },
    body: JSON.stringify({ userId, traits: { plan: 'pro' } }),
  });
  for (;;) {
    const response = await fetch(`${server.url}/v1/people/user_id:${userId}`, {
      headers: { authorization: `Bearer ${apiToken}` },
    });
    const text = await response.text();
    if (response.status === 200 && text.includes('"pro"')) return performance.now() - started;
    if (performance.now() - started > 30_000)
      throw new Error(
        `user_id:${userId} cannot be read after 30 s: ${response.status} ${text.slice(0, 200)}`,
      );
    await sleep(1);
  }
}

/** Sends batches and answers the events per second that were accepted. */
async function load(
  server: BenchServer,
  how: { seconds: number; connections: number; eventsPerSecond?: number },
): Promise<number> {
  const result = await startLoad({
    port: server.port,
    path: '/v1/batch',
    headers: { authorization: basicKey },
    bodies: eventBodies(200, batchSize, people),
    connections: how.connections,
    seconds: how.seconds,
    warmUpSeconds: 0,
    ...(how.eventsPerSecond === undefined ? {} : { requestsPerSecond: how.eventsPerSecond / batchSize }),
  });
  if (result.failed > 0)
    throw new Error(`the door refused ${result.failed} requests: ${result.failure ?? ''}`);
  return (result.requests * batchSize) / result.seconds;
}

/** Accepted events by ingestion's own count: what was on its way when the generator stopped counting is in it too. */
async function sentSoFar(server: BenchServer): Promise<number> {
  const text = await (await fetch(server.metricsUrl)).text();
  return Number(/^rapport_ingestion_events_accepted_total\{source="bench"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
