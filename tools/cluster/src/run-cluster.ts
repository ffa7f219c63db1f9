import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { freePorts } from '@rapport/local-engines';
import { readTls } from '@rapport/service-host';
import { createGateway } from './gateway.js';
import { SpareProcess } from './spare-process.js';
import { SupervisedProcess, type Listening } from './supervised-process.js';

/** The services in the order in which they start; they stop in this order too, the door first. */
export const clusterServices = [
  'ingestion',
  'identity',
  'profiles',
  'model-serving',
  'orchestrator',
] as const;
export type ClusterService = (typeof clusterServices)[number];

export interface RunClusterOptions {
  /** Where `services/<name>/dist/main.js` lie. */
  readonly root: string;
  /** Engines, credentials, playbook …: what every service process gets. */
  readonly environment: Readonly<Record<string, string>>;
  /** More of it, asked at every start of a process: what changed since (a virtual clock, say). */
  readonly environmentNow?: () => Readonly<Record<string, string>>;
  /** Processes per service. Default 1 each. */
  readonly replicas?: Partial<Record<ClusterService, number>>;
  readonly httpPort: number;
  /** Proxies before the gateway whose X-Forwarded-For is believed. Default none. */
  readonly trustedProxies?: readonly string[];
  readonly graceMs: number;
  /** Keep one process ready to take the place of the next that dies. Default true. */
  readonly spare?: boolean;
  readonly onChange?: (processes: readonly SupervisedProcess[]) => void;
  readonly onOutput?: (name: string, text: string) => void;
}

export interface RunningCluster {
  readonly httpUrl: string;
  /** gRPC addresses of each service. */
  readonly grpc: Readonly<Record<ClusterService, string>>;
  processes(): readonly SupervisedProcess[];
  /** Resolves when a process of each service is ready; rejects after the time with what each one waits for, at once when asked to stop. */
  ready(timeoutMs: number, stopped?: AbortSignal): Promise<void>;
  /** Starts or stops processes until a service has that many. */
  scale(service: ClusterService, replicas: number): Promise<void>;
  stop(): Promise<void>;
}

const addressVariables: Record<ClusterService, string> = {
  ingestion: 'RAPPORT_INGESTION_GRPC',
  identity: 'RAPPORT_IDENTITY_GRPC',
  profiles: 'RAPPORT_PROFILES_GRPC',
  'model-serving': 'RAPPORT_MODELS_GRPC',
  orchestrator: 'RAPPORT_ORCHESTRATOR_GRPC',
};

/** More processes of one service than a machine of this size should be asked for. */
const maxReplicas = 8;

/** One process per service and replica, started again when it dies, behind one HTTP address. */
export async function runCluster(options: RunClusterOptions): Promise<RunningCluster> {
  // Every replica that may come has its gRPC port from the start, so that nobody has to be told of it later.
  const free = await freePorts(clusterServices.length * maxReplicas);
  const ports = new Map<ClusterService, readonly number[]>(
    clusterServices.map((service, at) => [service, free.slice(at * maxReplicas, (at + 1) * maxReplicas)]),
  );
  const grpc = Object.fromEntries(
    clusterServices.map((service) => [
      service,
      `ipv4:${(ports.get(service) ?? []).map((port) => `127.0.0.1:${port}`).join(',')}`,
    ]),
  ) as Record<ClusterService, string>;
  const addresses = Object.fromEntries(
    clusterServices.map((service) => [addressVariables[service], grpc[service]]),
  );
  const running = new Map<ClusterService, SupervisedProcess[]>(
    clusterServices.map((service) => [service, []]),
  );
  const all = (): SupervisedProcess[] => [...running.values()].flat();
  const spare = new SpareProcess({
    root: options.root,
    environment: { ...options.environment },
    modules: clusterServices.map((service) =>
      join(options.root, `services/${service}/dist/${service}.module.js`),
    ),
    onOutput: (name, text) => options.onOutput?.(name, text),
  });
  const changed = (): void => {
    options.onChange?.(all());
    // Not before: loading takes a second of computing from what starts.
    if (options.spare !== false && all().every(({ state }) => state === 'ready')) spare.renew();
  };
  const launch = (service: ClusterService): void => {
    const processes = running.get(service) ?? [];
    const grpcPort = String(ports.get(service)?.[processes.length] ?? 0);
    const name = `${service}-${processes.length + 1}`;
    const started = new SupervisedProcess({
      name,
      main: join(options.root, `services/${service}/dist/main.js`),
      environment: () => ({
        ...options.environment,
        ...options.environmentNow?.(),
        ...addresses,
        // The gateway, which has told whom it speaks for; nobody else reaches these ports.
        RAPPORT_TRUSTED_PROXIES: 'loopback',
        RAPPORT_INSTANCE: name,
        RAPPORT_HTTP_PORT: '0',
        RAPPORT_METRICS_PORT: '0',
        RAPPORT_GRPC_PORT: grpcPort,
      }),
      ...(options.spare === false ? {} : { spare: (begin) => spare.begin(begin) }),
      onChange: changed,
      onOutput: (name, text) => options.onOutput?.(name, text),
    });
    processes.push(started);
    started.start();
  };
  const scale = async (service: ClusterService, wanted: number): Promise<void> => {
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > maxReplicas) {
      throw new Error(
        `replicas of ${service}: expected a whole number from 1 to ${maxReplicas}; got ${wanted}`,
      );
    }
    const processes = running.get(service) ?? [];
    while (processes.length < wanted) launch(service);
    while (processes.length > wanted) await processes.pop()?.stop(options.graceMs);
  };
  const replicasOf = (service: string): readonly Listening[] =>
    (running.get(service as ClusterService) ?? [])
      .map((process) => process.listening)
      .filter((listening) => listening !== undefined);
  const { environment } = options;
  const tls = readTls(environment);
  const dispatcher = new Agent({ connect: tls?.ca === undefined ? {} : { ca: tls.ca } });
  const gateway = await createGateway({
    replicasOf,
    services: clusterServices,
    onBug: (text) => options.onOutput?.('gateway', text),
    trustedProxies: options.trustedProxies ?? [],
    tls,
    environment,
  });
  const stop = async (): Promise<void> => {
    // All before any is waited for: who ends meanwhile is not missed.
    for (const process of all()) process.retire();
    spare.stop();
    await gateway.close();
    await dispatcher.close();
    for (const service of clusterServices) {
      await Promise.all((running.get(service) ?? []).map((process) => process.stop(options.graceMs)));
    }
  };
  try {
    // Before any process: a taken port costs nothing then, and until one is ready the gateway says so.
    await gateway.listen({ port: options.httpPort, host: '127.0.0.1' });
    for (const service of clusterServices) await scale(service, options.replicas?.[service] ?? 1);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const httpUrl = `${tls?.own === undefined ? 'http' : 'https'}://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`;

  return {
    httpUrl,
    grpc,
    processes: all,
    ready: async (timeoutMs, stopped) => {
      for (const deadline = Date.now() + timeoutMs; ;) {
        const answer = await fetch(`${httpUrl}/readyz`, { signal: stopped ?? null, dispatcher }).then(
          async (response) => ({ ok: response.ok, text: await response.text() }),
          // A busy machine closes a connection that was just about to be used again.
          (thrown: unknown) => ({ ok: false, text: thrown instanceof Error ? thrown.message : '' }),
        );
        stopped?.throwIfAborted();
        if (answer.ok) return;
        if (Date.now() > deadline) {
          const reasons = all().map(
            (process) =>
              `${process.name}: ${process.state}${process.lastReason === '' ? '' : ` (${process.lastReason})`}`,
          );
          throw new Error(
            `the cluster was not ready after ${timeoutMs} ms: ${answer.text}\n${reasons.join('\n')}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    scale,
    stop,
  };
}
