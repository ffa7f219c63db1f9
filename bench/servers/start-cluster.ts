import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalCluster, type LocalCluster } from '@rapport/cluster';
import { startKafka, startMongo } from '@rapport/local-engines';
import { platformEnvironment, root } from './start-server.js';

/** A cluster of this machine, on engines of its own. */
export interface BenchCluster {
  /** The one HTTP address in front of the services. */
  readonly port: number;
  /** Where the ready processes of a service show their counters. */
  metricsUrls(service: string): readonly string[];
  /** Resolves when so many processes of profiles are ready. */
  scaleProfiles(replicas: number): Promise<void>;
  stop(): Promise<void>;
}

const readyMs = 60_000;

/** Kafka and a MongoDB-protocol server that leaves commits to the operating system, and one process per service. */
export async function startCluster(workDir: string): Promise<BenchCluster> {
  const dataDir = join(workDir, 'cluster');
  mkdirSync(dataDir, { recursive: true });
  const ends: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.reverse()) await end();
  };
  try {
    const kafka = await startKafka({ folder: join(dataDir, 'kafka'), quickStart: false });
    ends.push(() => kafka.stop());
    const mongo = await startMongo({ folder: join(dataDir, 'mongo'), syncOnCommit: false });
    ends.push(() => mongo.stop());
    const cluster = await startLocalCluster({
      root,
      environment: {
        PATH: process.env['PATH'],
        UV_THREADPOOL_SIZE: '16',
        ...platformEnvironment(dataDir),
        RAPPORT_MODELS_DIR: join(root, 'models'),
        RAPPORT_KAFKA_BROKERS: kafka.brokers.join(),
        RAPPORT_MONGODB_URI: mongo.uri,
      },
    });
    ends.push(() => cluster.stop());
    await cluster.ready(readyMs);
    return {
      port: Number(new URL(cluster.httpUrl).port),
      metricsUrls: (service) =>
        processesOf(cluster, service).flatMap(({ listening }) =>
          listening === undefined ? [] : [listening.metricsUrl],
        ),
      scaleProfiles: async (replicas) => {
        await cluster.scale('profiles', replicas);
        await allConsume(cluster, replicas);
      },
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

const processesOf = (cluster: LocalCluster, service: string): ReturnType<LocalCluster['processes']> =>
  cluster.processes().filter(({ name }) => name.startsWith(`${service}-`));

async function allConsume(cluster: LocalCluster, replicas: number): Promise<void> {
  const deadline = performance.now() + readyMs;
  const consuming = (): number =>
    processesOf(cluster, 'profiles').filter(
      ({ listening, startUp }) => listening !== undefined && startUp !== undefined,
    ).length;
  while (consuming() < replicas) {
    if (performance.now() > deadline)
      throw new Error(`${consuming()} of ${replicas} processes of profiles consume after ${readyMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await cluster.ready(readyMs);
}
