import { startLoad } from './load/start-load.js';
import { eventBodies } from './payloads.js';
import type { BenchmarkOptions, Figure } from './report.js';
import { startCluster } from './servers/start-cluster.js';
import { basicKey, startWholePlatform } from './servers/start-server.js';

/** A platform whose counters can be read, in whichever form. */
interface Counted {
  readonly port: number;
  /** Where ingestion and profiles show their counters. */
  readonly ingestion: () => readonly string[];
  readonly profiles: () => readonly string[];
}

const batchSize = 50;
const people = 5000;
const connections = 4;
/** More than the slower form takes in: all forms get the same, and none waits for the load. */
const offeredPerSecond = 4000;
/** Slower than that is told as the rate so far. */
const longestMs = 60_000;
/** Until nothing is left of one figure before the next. */
const longestDrainMs = 300_000;

/** Events from the door until they are folded into a profile: one process beside a cluster, with one and three replicas of profiles. */
export async function bothForms(options: BenchmarkOptions): Promise<Figure[]> {
  const embedded = await inOneProcess(options);
  options.say('starting a cluster');
  const cluster = await startCluster(options.workDir);
  try {
    const counted: Counted = {
      port: cluster.port,
      ingestion: () => cluster.metricsUrls('ingestion'),
      profiles: () => cluster.metricsUrls('profiles'),
    };
    const one = await rateThrough(counted, options, 'a cluster');
    await cluster.scaleProfiles(3);
    const three = await rateThrough(counted, options, 'a cluster with three replicas of profiles');
    return [
      { name: 'end to end, one process', value: embedded, unit: 'events/s' },
      { name: 'end to end, cluster, one process per service', value: one, unit: 'events/s' },
      { name: 'end to end, cluster, three replicas of profiles', value: three, unit: 'events/s' },
      { name: 'end to end, three replicas of profiles: ratio to one', value: three / one, unit: '×' },
    ];
  } finally {
    await cluster.stop();
  }
}

async function inOneProcess(options: BenchmarkOptions): Promise<number> {
  const server = await startWholePlatform(options.workDir);
  try {
    const metrics = (): readonly string[] => [server.metricsUrl];
    return await rateThrough(
      { port: server.port, ingestion: metrics, profiles: metrics },
      options,
      'one process',
    );
  } finally {
    await server.stop();
  }
}

/** The same number of events for every form, from the first one sent until the last one is in its profile. */
async function rateThrough(platform: Counted, options: BenchmarkOptions, form: string): Promise<number> {
  options.say(`end to end, ${form}: what is left from before`);
  await untilThrough(platform, { accepted: 0, through: 0 }, longestDrainMs);
  options.say(`end to end, ${form}: warming up`);
  const warmUp = await counts(platform);
  await offer(platform, 1);
  await untilThrough(platform, warmUp);
  options.say(`end to end, ${form}: events in, until the last of them is through`);
  const before = await counts(platform);
  const started = performance.now();
  await offer(platform, options.seconds / 2);
  const events = await untilThrough(platform, before);
  return (events * 1000) / (performance.now() - started);
}

async function offer(platform: Counted, seconds: number): Promise<void> {
  const result = await startLoad({
    port: platform.port,
    path: '/v1/batch',
    headers: { authorization: basicKey },
    bodies: eventBodies(200, batchSize, people),
    connections,
    seconds,
    warmUpSeconds: 0,
    requestsPerSecond: offeredPerSecond / batchSize,
  });
  if (result.failed > 0)
    throw new Error(`the door refused ${result.failed} requests: ${result.failure ?? ''}`);
}

interface Counts {
  readonly accepted: number;
  readonly through: number;
}

async function counts(platform: Counted): Promise<Counts> {
  return {
    accepted: await sumOf(platform.ingestion(), 'rapport_ingestion_events_accepted_total'),
    through: await sumOf(platform.profiles(), 'rapport_profiles_events_total'),
  };
}

/** Waits until everything accepted since then is through, or as long as a figure may take; answers how much is through. */
async function untilThrough(platform: Counted, before: Counts, withinMs = longestMs): Promise<number> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const now = await counts(platform);
    const [accepted, through] = [now.accepted - before.accepted, now.through - before.through];
    if (through >= accepted || performance.now() > giveUpAt) return through;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A counter over all its labels and all processes. */
async function sumOf(metricsUrls: readonly string[], counter: string): Promise<number> {
  const texts = await Promise.all(metricsUrls.map(async (url) => (await fetch(url)).text()));
  const line = new RegExp(`^${counter}(?:\\{[^}]*\\})? (\\d+)`, 'gm');
  return texts.flatMap((text) => [...text.matchAll(line)]).reduce((sum, [, value]) => sum + Number(value), 0);
}
