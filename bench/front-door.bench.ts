import { startLoad } from './load/start-load.js';
import type { HttpLoadResult } from './load/http-load.js';
import { eventBodies } from './payloads.js';
import { percentile, type Benchmark, type BenchmarkOptions, type Figure } from './report.js';
import { basicKey, startServer, type BenchServer } from './servers/start-server.js';

/** The two take turns, so that what else happens on the machine falls on both. */
const turns = 3;
const connections = 64;
const batchSize = 50;

interface Side {
  readonly server: BenchServer;
  readonly path: string;
  readonly results: HttpLoadResult[];
}

/** Durable events per second through the door, beside a bare collector in the same run. */
export const frontDoor: Benchmark = {
  name: 'front-door',
  title: 'Durable events over HTTP: ingestion alone beside a bare collector (Fastify + LMDB)',
  run: async (options) => {
    const collector = await startServer('bare-collector', options.workDir);
    const ingestion = await startServer('ingestion-alone', options.workDir);
    try {
      const single = await compare(options, 1, collector, ingestion, ['/collect', '/v1/track']);
      const batched = await compare(options, batchSize, collector, ingestion, [
        '/collect-batch',
        '/v1/batch',
      ]);
      return {
        name: 'front-door',
        title: frontDoor.title,
        setup: `ingestion service alone in one process, embedded log, nothing reading it; ${connections} connections, one request at a time on each; load generator in its own process (own HTTP/1.1 over node:net); the two servers take turns, ${turns} each`,
        figures: [
          ...figuresOf('single', 1, single),
          ...figuresOf(`in batches of ${batchSize}`, batchSize, batched),
        ],
      };
    } finally {
      await collector.stop();
      await ingestion.stop();
    }
  },
};

async function compare(
  options: BenchmarkOptions,
  eventsPerRequest: number,
  collector: BenchServer,
  ingestion: BenchServer,
  [collectorPath, ingestionPath]: readonly [string, string],
): Promise<{ collector: Side; ingestion: Side }> {
  const sides = {
    collector: { server: collector, path: collectorPath, results: [] } as Side,
    ingestion: { server: ingestion, path: ingestionPath, results: [] } as Side,
  };
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, side] of Object.entries(sides)) {
      options.say(
        `${eventsPerRequest === 1 ? 'single events' : `batches of ${eventsPerRequest}`}, turn ${turn + 1} of ${turns}: ${name}`,
      );
      const result = await startLoad({
        port: side.server.port,
        path: side.path,
        headers: { authorization: basicKey },
        bodies: eventBodies(256, eventsPerRequest, 5000),
        connections,
        seconds: options.seconds / turns,
        warmUpSeconds: turn === 0 ? 2 : 0.5,
      });
      if (result.failed > 0)
        throw new Error(`${name} refused ${result.failed} requests: ${result.failure ?? ''}`);
      side.results.push(result);
    }
  }
  return sides;
}

function rateOf(results: readonly HttpLoadResult[], eventsPerRequest: number): number {
  const requests = results.reduce((sum, result) => sum + result.requests, 0);
  return (requests * eventsPerRequest) / results.reduce((sum, result) => sum + result.seconds, 0);
}

function figuresOf(
  kind: string,
  eventsPerRequest: number,
  { collector, ingestion }: { collector: Side; ingestion: Side },
): Figure[] {
  const sorted = (side: Side): Float64Array =>
    Float64Array.from(side.results.flatMap((result) => result.latenciesMs)).sort();
  const [ours, theirs] = [sorted(ingestion), sorted(collector)];
  const [rate, bare] = [
    rateOf(ingestion.results, eventsPerRequest),
    rateOf(collector.results, eventsPerRequest),
  ];
  return [
    { name: `${kind}: ingestion`, value: rate, unit: 'events/s' },
    { name: `${kind}: bare collector`, value: bare, unit: 'events/s' },
    { name: `${kind}: ratio`, value: rate / bare, unit: '×', floor: 0.35, aim: 0.8 },
    { name: `${kind}: ingestion p50`, value: percentile(ours, 50), unit: 'ms' },
    { name: `${kind}: ingestion p99`, value: percentile(ours, 99), unit: 'ms' },
    { name: `${kind}: bare collector p50`, value: percentile(theirs, 50), unit: 'ms' },
    { name: `${kind}: bare collector p99`, value: percentile(theirs, 99), unit: 'ms' },
  ];
}
