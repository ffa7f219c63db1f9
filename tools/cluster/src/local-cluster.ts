import { once } from 'node:events';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { startKafka, startMongo, type LocalKafka, type LocalMongo } from '@rapport/local-engines';
import {
  formatWriteKeys,
  loadCredentials,
  readHostConfig,
  settleTopics,
  tokensFileName,
  eventLogOptions,
  type Credentials,
} from '@rapport/service-host';
import { runCluster, type RunClusterOptions, type RunningCluster } from './run-cluster.js';

export interface LocalClusterOptions extends Omit<RunClusterOptions, 'environment' | 'httpPort' | 'graceMs'> {
  /** As the services read it; engines that it names (`RAPPORT_KAFKA_BROKERS`, `RAPPORT_MONGODB_URI`) are used as they are. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends a start that still goes on, and what it had started; its reason is thrown. */
  readonly stopped?: AbortSignal;
  /** Told what is being done, for people. */
  readonly onProgress?: (line: string) => void;
}

export interface LocalCluster extends RunningCluster {
  readonly credentials: Credentials;
  /** Absent when the environment named a broker. */
  readonly kafka?: LocalKafka;
  readonly mongo?: LocalMongo;
}

/** Real Kafka, a MongoDB-protocol server and one process per service on this machine; data under `<data>/cluster`. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { environment, stopped, onProgress = () => undefined } = options;
  const config = readHostConfig(environment);
  await expectFree(config.RAPPORT_HTTP_PORT);
  const credentials = loadCredentials(environment, config.RAPPORT_DATA_DIR);
  const folder = join(config.RAPPORT_DATA_DIR, 'cluster');
  const undo: (() => Promise<void>)[] = [];
  try {
    let kafka: LocalKafka | undefined;
    let mongo: LocalMongo | undefined;
    if (environment['RAPPORT_KAFKA_BROKERS'] === undefined) {
      onProgress('starting Kafka (the first time its jars are fetched)');
      kafka = await startKafka({ folder: join(folder, 'kafka'), stopped });
      undo.push(() => kafka?.stop() ?? Promise.resolve());
    }
    if (environment['RAPPORT_MONGODB_URI'] === undefined) {
      onProgress('starting the MongoDB-protocol server (the first time it is installed)');
      mongo = await startMongo({ folder: join(folder, 'mongo'), stopped });
      undo.push(() => mongo?.stop() ?? Promise.resolve());
    }
    const shared = {
      ...definedOnly(environment),
      RAPPORT_EVENT_LOG: 'kafka',
      RAPPORT_KAFKA_BROKERS: environment['RAPPORT_KAFKA_BROKERS'] ?? (kafka?.brokers ?? []).join(','),
      RAPPORT_DOCUMENT_STORE: 'mongodb',
      RAPPORT_MONGODB_URI: environment['RAPPORT_MONGODB_URI'] ?? mongo?.uri ?? '',
      RAPPORT_WRITE_KEYS: formatWriteKeys(credentials.sources),
      RAPPORT_API_TOKEN: credentials.apiToken,
      RAPPORT_API_TOKENS_FILE: resolve(
        config.RAPPORT_API_TOKENS_FILE ?? join(config.RAPPORT_DATA_DIR, tokensFileName),
      ),
      NODE_OPTIONS: '',
    };
    onProgress('applying topics');
    await settleTopics(eventLogOptions(readHostConfig(shared)), 'apply');
    stopped?.throwIfAborted();
    const cluster = await runCluster({
      ...options,
      environment: shared,
      httpPort: config.RAPPORT_HTTP_PORT,
      trustedProxies: config.trustedProxies,
      graceMs: config.RAPPORT_STOP_GRACE,
    });
    return {
      ...cluster,
      credentials,
      ...(kafka === undefined ? {} : { kafka }),
      ...(mongo === undefined ? {} : { mongo }),
      stop: async () => {
        await cluster.stop();
        for (const stop of undo.reverse()) await stop();
      },
    };
  } catch (thrown) {
    for (const stop of undo.reverse()) await stop();
    throw thrown;
  }
}

/** Fails as the gateway would, before engines have been fetched and started in vain. */
async function expectFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  await new Promise((resolve) => server.close(resolve));
}

function definedOnly(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
