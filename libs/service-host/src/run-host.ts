import 'reflect-metadata';
import { join, resolve } from 'node:path';
import type { AddressInfo } from 'node:net';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import swagger from '@fastify/swagger';
import { topics } from '@rapport/contracts';
import { systemClock, VirtualClock } from '@rapport/kernel';
import { loadPlaybook } from '@rapport/playbook';
import { createTelemetry, openTracing } from '@rapport/telemetry';
import type { GuardedDoor } from './access/access.grpc.js';
import { mountAccess } from './access/access.http.js';
import { serviceToken } from './access/gate.js';
import { guardRoutes } from './access/guard-routes.js';
import { isFollowed, openAccess } from './access/open-access.js';
import { createCalls } from './calls.js';
import { loadCredentials } from './credentials.js';
import { EngineHealth, watchedLog, watchedStore } from './engine-health.js';
import { openEngines } from './engines.js';
import { readHostConfig, tokensFileName, type HostConfig } from './host.config.js';
import { GrpcServer } from './grpc-server.js';
import { createHttpServer } from './http-server.js';
import { listenForMetrics } from './metrics-server.js';
import { mountOperations, notReady } from './operations.routes.js';
import { readTls, type Tls } from './tls.js';
import { HOST, Rooms, type Host } from './room.js';
import { Starting } from './starting.js';
import { unsaidSources } from './write-keys.js';

/** A process that runs. */
export interface RunningHost {
  readonly host: Host;
  readonly rooms: Rooms;
  readonly httpUrl: string;
  readonly grpcAddress: string;
  readonly metricsUrl: string;
  /** How long a stop may take. */
  readonly stopGraceMs: number;
  settle(): Promise<unknown>;
  /** Stops in order; safe to call twice. */
  stop(): Promise<void>;
}

export interface RunHostOptions {
  /** Name in logs and metrics. */
  readonly service: string;
  /** The Nest modules of the services that live in this process. */
  readonly modules: readonly Type[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

@Module({})
class HostModule {
  static with(host: Host, rooms: Rooms, modules: readonly Type[]): DynamicModule {
    const providers = [
      { provide: HOST, useValue: host },
      { provide: Rooms, useValue: rooms },
    ];
    return {
      module: HostModule,
      global: true,
      imports: [...modules],
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }
}

/**
 * Nest on our Fastify: error answers and the not-found answer stay ours, and no middleware engine is put in front of
 * every request (it would cost the hot routes what they gain by being plain handlers).
 */
class HostFastifyAdapter extends FastifyAdapter {
  override async init(): Promise<void> {}
  override setErrorHandler(): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.getInstance();
  }
  override setNotFoundHandler(): ReturnType<FastifyAdapter['setNotFoundHandler']> {
    return this.getInstance();
  }
}

/**
 * Starts a process: configuration → log, store and playbook side by side → listen → rooms, each of which answers once
 * it has started and begins to consume → ready. Throws with everything undone when a part cannot start.
 */
export async function runHost(options: RunHostOptions): Promise<RunningHost> {
  const config = readHostConfig(options.environment);
  const tls = readTls(config);
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  const opened: { close(): Promise<void> | void }[] = [];
  const engines = openEngines(config, opened);
  // Told where it is waited for.
  engines.catch(() => undefined);
  const telemetry = createTelemetry({
    service: options.service,
    level: config.RAPPORT_LOG_LEVEL,
    readable: process.stdout.isTTY && config.RAPPORT_LOG_LEVEL !== 'silent',
    processMetrics: true,
    ...(endpoint === undefined ? {} : { tracing: await openTracing(options.service, endpoint) }),
  });
  const listening: Listening = {};
  try {
    const playbook = await loadPlaybook(resolve(config.RAPPORT_PLAYBOOK_DIR));
    const { log, store } = await engines;
    const health = new EngineHealth();
    const clock =
      config.RAPPORT_CLOCK === 'virtual'
        ? new VirtualClock(Date.parse(config.RAPPORT_CLOCK_START))
        : systemClock;
    const credentials = loadCredentials(options.environment, resolve(config.RAPPORT_DATA_DIR));
    const calls = createCalls({
      addressOf: addressesFrom(options.environment),
      apiToken: serviceToken(credentials.apiToken),
      tls,
    });
    opened.push(calls);
    const host: Host = {
      clock,
      random: Math.random,
      log: watchedLog(log, health),
      store: watchedStore(store, health),
      telemetry,
      playbook,
      credentials,
      calls,
      environment: options.environment,
      loopback: config.loopback,
      httpUrl: () =>
        localHttpUrl(schemeOf(tls), config.RAPPORT_HOST, listening.httpPort ?? config.RAPPORT_HTTP_PORT),
    };
    return await open(host, health, config, tls, options, opened, listening);
  } catch (thrown) {
    await Promise.allSettled([engines]);
    for (const part of opened.reverse()) await part.close();
    throw thrown;
  }
}

const schemeOf = (tls: Tls | undefined): string => (tls?.own === undefined ? 'http' : 'https');

/** What is known only once the process listens. */
interface Listening {
  httpPort?: number;
}

/** An address that binds everywhere is reached from this machine by loopback. */
function localHttpUrl(scheme: string, host: string, port: number): string {
  if (port === 0) throw new Error('the HTTP port is a free one and known only once the process listens');
  const name = ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host;
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** RAPPORT_<ROOM>_GRPC, `host:port`: where a service listens that lives in another process. */
function addressesFrom(
  environment: Readonly<Record<string, string | undefined>>,
): (fullName: string) => string | undefined {
  const variables: Record<string, string> = {
    'rapport.ingestion.v1.IngestionService': 'RAPPORT_INGESTION_GRPC',
    'rapport.identity.v1.IdentityService': 'RAPPORT_IDENTITY_GRPC',
    'rapport.profiles.v1.ProfilesService': 'RAPPORT_PROFILES_GRPC',
    'rapport.models.v1.ModelsService': 'RAPPORT_MODELS_GRPC',
    'rapport.orchestrator.v1.DecisionsService': 'RAPPORT_ORCHESTRATOR_GRPC',
    'rapport.orchestrator.v1.JourneysService': 'RAPPORT_ORCHESTRATOR_GRPC',
    'rapport.orchestrator.v1.MessagesService': 'RAPPORT_ORCHESTRATOR_GRPC',
  };
  return (fullName) => environment[variables[fullName] ?? ''];
}

async function open(
  host: Host,
  health: EngineHealth,
  config: HostConfig,
  tls: Tls | undefined,
  options: RunHostOptions,
  opened: { close(): Promise<void> | void }[],
  listening: Listening,
): Promise<RunningHost> {
  const startedAtMs = Date.now();
  tellUnsaidKinds(host);
  const onBug = (thrown: unknown): void =>
    host.telemetry.log.error({ err: thrown }, 'a request failed on a bug');
  const rooms = new Rooms();
  const http = createHttpServer(onBug, {
    tracing: host.telemetry.tracing,
    trustedProxies: config.trustedProxies,
    maxConnections: config.RAPPORT_HTTP_MAX_CONNECTIONS,
    tls,
  });
  const doors = (): readonly GuardedDoor[] => [...routes, ...grpc.doors];
  const access = openAccess({
    credentials: host.credentials,
    tokensFile: resolve(config.RAPPORT_API_TOKENS_FILE ?? join(config.RAPPORT_DATA_DIR, tokensFileName)),
    log: host.log,
    clock: host.clock,
    telemetry: host.telemetry,
    doors,
  });
  const routes = guardRoutes(http, access);
  await http.register(swagger, {
    openapi: { info: { title: 'Rapport', version: '1' } },
    hiddenTag: 'hidden',
  });
  const app = await NestFactory.create(
    HostModule.with(host, rooms, options.modules),
    new HostFastifyAdapter(http as never),
    {
      logger: false,
      abortOnError: false,
      bodyParser: false,
    },
  );
  const all = rooms.all();
  const starting = new Starting(all);
  const settle = async (): Promise<string> => {
    starting.refuse();
    return await settleRooms(host, rooms);
  };
  for (const room of all) {
    for (const binding of room.grpc ?? []) host.calls.provide(binding.contract, binding.implementation);
    const routes = starting.routesOf(room);
    if (routes) await http.register(async (scope) => void (await routes(scope)));
  }
  await http.register((scope, _options, done) => {
    scope.get(
      '/openapi.json',
      { config: { open: 'what routes there are is no secret' }, schema: { hide: true } },
      () => http.swagger(),
    );
    mountAccess(scope, access.service);
    mountOperations(scope, { host, rooms: all, health, startedAtMs, settle });
    done();
  });
  const grpc = new GrpcServer({
    bindings: [...all.flatMap((room) => starting.grpcOf(room)), access.binding],
    gate: access.gate,
    audit: access.audit,
    maxInFlightBytes: config.RAPPORT_GRPC_MAX_IN_FLIGHT_BYTES,
    messageTimeoutMs: config.RAPPORT_GRPC_MESSAGE_TIMEOUT,
    writeTimeoutMs: config.RAPPORT_GRPC_WRITE_TIMEOUT,
    tls,
    onBug,
  });
  const grpcPort = await grpc.listen(config.RAPPORT_HOST, config.RAPPORT_GRPC_PORT);
  opened.push({ close: () => grpc.stop(config.RAPPORT_STOP_GRACE) });
  await app.listen(config.RAPPORT_HTTP_PORT, config.RAPPORT_HOST);
  listening.httpPort = (http.server.address() as AddressInfo).port;
  opened.push({ close: () => app.close() });
  const metrics = await listenForMetrics({
    telemetry: host.telemetry,
    environment: host.environment,
    loopback: config.loopback,
    authorize: (authorization, address) => {
      const approach = { authorization, address, door: 'GET /metrics' };
      access.gate.judge(access.gate.recognise(approach), 'operate', approach);
    },
    tls,
    host: config.RAPPORT_HOST,
    port: config.RAPPORT_METRICS_PORT,
  });
  opened.push({ close: () => void metrics.close() });
  for (const room of all) {
    await room.start();
    opened.push({ close: () => room.stop() });
    starting.started(room);
  }
  const httpPort = (http.server.address() as AddressInfo).port;
  const watch = setInterval(
    () => void notReady(all, health).then((waiting) => grpc.setServing(waiting.length === 0)),
    1000,
  );
  grpc.setServing((await notReady(all, health)).length === 0);
  watch.unref();
  // Reading the contracts takes a tenth of a second, which consumers should not wait for.
  if (host.log.admitted === undefined) await grpc.reflect();
  else void host.log.admitted().then(() => grpc.reflect().catch(onBug));

  const scheme = schemeOf(tls);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(watch);
    grpc.setServing(false);
    metrics.close();
    await app.close();
    await grpc.stop(config.RAPPORT_STOP_GRACE);
    for (const room of all) await room.stop();
    await access.audit.flush();
    host.calls.close();
    await host.log.close();
    await host.store.close();
    await host.telemetry.tracing?.stop();
  };
  return {
    host,
    rooms,
    httpUrl: `${scheme}://${config.RAPPORT_HOST}:${httpPort}`,
    grpcAddress: `${config.RAPPORT_HOST}:${grpcPort}`,
    metricsUrl: `${scheme}://${config.RAPPORT_HOST}:${(metrics.address() as AddressInfo).port}/metrics`,
    stopGraceMs: config.RAPPORT_STOP_GRACE,
    settle,
    stop: () => (stopping ??= stop()),
  };
}

/** A public key that counts as a server's lets anybody say anything about everybody. */
function tellUnsaidKinds({ loopback, credentials, telemetry }: Host): void {
  const sources = unsaidSources(credentials.sources);
  if (loopback || sources.length === 0) return;
  telemetry.log.warn(
    { sources: sources.join(', ') },
    'write keys without a kind count as server keys, which may say anything about anybody; write source:browser=key in RAPPORT_WRITE_KEYS for those that pages or apps carry, source:server=key for the others',
  );
}

/** Rooms feed each other, so one pass over them is enough only if it wrote nothing. */
async function settleRooms(host: Host, rooms: Rooms): Promise<string> {
  const written = async (): Promise<string> => {
    const followed = Object.values(topics).filter(isFollowed);
    const bounds = await Promise.all(followed.map((topic) => host.log.bounds(topic.name)));
    return JSON.stringify(bounds.map((partitions) => partitions.map((partition) => partition.end)));
  };
  for (let before = await written(); ;) {
    for (const room of rooms.all()) await room.settle();
    const after = await written();
    if (after === before) return after;
    before = after;
  }
}
