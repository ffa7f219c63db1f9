import { join } from 'node:path';
import { startLocalCluster, type LocalCluster, type SupervisedProcess } from '@rapport/cluster';
import { topics, type DecisionRecord, type Delivery, type RequestedMessage } from '@rapport/contracts';
import { openDocumentStore, type Stored } from '@rapport/document-store';
import { openEventLog } from '@rapport/event-log';
import {
  startKafka,
  startMongo,
  startTcpProxy,
  type LocalKafka,
  type LocalMongo,
  type TcpProxy,
} from '@rapport/local-engines';
import { call, NotNow, untilThrough, type Door } from './door.js';
import { ending } from './ending.js';
import type { Fault } from './fault-plan.js';
import { Kills } from './kills.js';
import { readTopic } from './read-topic.js';
import { Recoveries } from './recoveries.js';

export interface ChaosClusterOptions {
  /** The root of the checkout. */
  readonly root: string;
  /** Everything it writes. */
  readonly folder: string;
  readonly playbookDir: string;
  readonly startIso: string;
  /** Told what processes say: warnings and worse. */
  readonly onOutput?: (name: string, text: string) => void;
  readonly environment?: Readonly<Record<string, string>>;
}

const writeKey = 'chaos-write-key';
const apiToken = 'chaos-api-token';
const settleMs = 300_000;

/** Consumer groups of the platform and what they read: each must have handled everything in the end. */
const groups: Readonly<Record<string, readonly string[]>> = {
  identity: [topics.accepted.name],
  profiles: [topics.identified.name, topics.identityChanged.name],
  journeys: [topics.profilesChanged.name],
  'model-serving': [topics.profilesChanged.name],
  'deliver-email': [topics.messagesRequested.name],
};

/** A cluster on engines of its own, behind doors that can be slammed, in virtual time. */
export class ChaosCluster {
  readonly recoveries = new Recoveries();
  readonly kills = new Kills();
  readonly door: Door;
  readonly #repairs: Promise<void>[] = [];

  private constructor(
    readonly cluster: LocalCluster,
    readonly kafka: LocalKafka,
    readonly store: LocalMongo,
    readonly proxies: Readonly<Record<'kafka' | 'store', TcpProxy>>,
    /** Where processes that start find the clock. */
    readonly clock: { iso: string },
    readonly undo: () => Promise<void>,
  ) {
    this.door = { httpUrl: cluster.httpUrl, apiToken, writeKey };
  }

  static async start(options: ChaosClusterOptions): Promise<ChaosCluster> {
    const { root, folder, playbookDir, startIso } = options;
    const undo: (() => Promise<void>)[] = [];
    const undoAll = ending(async () => {
      for (const end of undo.reverse()) await end().catch(() => undefined);
    });
    try {
      const ports = { kafka: 0, store: 0 };
      const kafkaDoor = await startTcpProxy(() => ports.kafka);
      undo.push(() => kafkaDoor.close());
      const storeDoor = await startTcpProxy(() => ports.store);
      undo.push(() => storeDoor.close());
      const [kafka, store] = await Promise.all([
        startKafka({
          folder: join(folder, 'kafka'),
          advertisedProxyPort: kafkaDoor.port,
          // Records carry the platform's virtual time, which may lie months behind or ahead of the broker's.
          properties: {
            'log.retention.check.interval.ms': String(24 * 3_600_000),
            'log.initial.task.delay.ms': String(24 * 3_600_000),
            'log.message.timestamp.after.max.ms': '9223372036854775807',
          },
        }),
        startMongo({ folder: join(folder, 'store') }),
      ]);
      undo.push(
        () => kafka.stop(),
        () => store.stop(),
      );
      ports.kafka = kafka.proxiedPort;
      ports.store = store.port;
      const clock = { iso: startIso };
      const standing: { one?: ChaosCluster } = {};
      const cluster = await startLocalCluster({
        root,
        environment: {
          PATH: process.env['PATH'],
          RAPPORT_DATA_DIR: join(folder, 'data'),
          RAPPORT_HTTP_PORT: '0',
          RAPPORT_PLAYBOOK_DIR: playbookDir,
          RAPPORT_MODELS_DIR: join(root, 'models'),
          RAPPORT_KAFKA_BROKERS: `127.0.0.1:${kafkaDoor.port}`,
          RAPPORT_MONGODB_URI: `mongodb://127.0.0.1:${storeDoor.port}/?directConnection=true`,
          RAPPORT_WRITE_KEYS: `web=${writeKey}`,
          RAPPORT_API_TOKEN: apiToken,
          RAPPORT_CLOCK: 'virtual',
          RAPPORT_LOG_LEVEL: 'warn',
          ...options.environment,
        },
        environmentNow: () => ({ RAPPORT_CLOCK_START: clock.iso }),
        onChange: (processes) => standing.one?.recoveries.note(processes),
        ...(options.onOutput === undefined ? {} : { onOutput: options.onOutput }),
      });
      undo.push(() => cluster.stop());
      standing.one = new ChaosCluster(
        cluster,
        kafka,
        store,
        { kafka: kafkaDoor, store: storeDoor },
        clock,
        undoAll,
      );
      await cluster.ready(120_000);
      return standing.one;
    } catch (thrown) {
      await undoAll();
      throw thrown;
    }
  }

  /** Lets a fault happen; what has to be started again by hand (an engine) is, at once. */
  inflict(fault: Fault): void {
    switch (fault.kind) {
      case 'kill-service':
        return this.kills.kill(
          fault.service,
          fault.draw,
          () => this.#processesOf(fault.service),
          (victim) => this.recoveries.killed(victim),
        );
      case 'kill-kafka':
        return this.#repair(() => this.#killAndStart(this.kafka));
      case 'kill-store':
        return this.#repair(() => this.#killAndStart(this.store));
      case 'scale-profiles':
        return this.#repair(() => this.cluster.scale('profiles', fault.replicas));
      case 'cut':
        return this.proxies[fault.engine].cut();
      case 'cut-after':
        return this.proxies[fault.engine].cutAfter(fault.bytes, fault.direction);
    }
  }

  #repair(work: () => Promise<void>): void {
    // One at a time: an engine is not killed while it starts.
    const before = this.#repairs.at(-1) ?? Promise.resolve();
    const repair = before.then(work);
    // Told by `repaired`.
    repair.catch(() => undefined);
    this.#repairs.push(repair);
  }

  async #killAndStart(engine: LocalKafka | LocalMongo): Promise<void> {
    await engine.kill();
    this.kills.count();
    await engine.start();
  }

  /** Resolves when every engine that was killed runs again. */
  async repaired(): Promise<void> {
    await Promise.all(this.#repairs);
  }

  /** Sends a signal to one process by its name (`profiles-1`). */
  signal(name: string, signal: NodeJS.Signals): void {
    const process = this.cluster.processes().find((one) => one.name === name);
    if (process === undefined) throw new Error(`expected a process ${name}`);
    process.signal(signal);
  }

  #processesOf(service: string): readonly SupervisedProcess[] {
    return this.cluster.processes().filter(({ name }) => name.startsWith(`${service}-`));
  }

  /** Everything so far is handled, then every process' clock stands at the instant and everything due has fired. */
  async advanceTo(iso: string): Promise<void> {
    // A kill that still waits for its victim is not left for after the last move of the clock, when nobody waits for the restart.
    await this.kills.settled();
    await this.#everywhere({});
    // Who starts from now on starts there.
    this.clock.iso = iso;
    await this.#everywhere({ advanceTo: iso });
  }

  /** Asks the clocks of all processes; counts only when all of them ran through. */
  async #everywhere(body: { readonly advanceTo?: string }): Promise<void> {
    await untilThrough(async () => {
      const before = this.#standing();
      const { status, body: answer } = await call(this.door, 'POST', '/v1/clock', body, settleMs);
      if (status !== 200) throw new NotNow(`the clocks answered ${status} ${JSON.stringify(answer)}`);
      if (before !== this.#standing()) throw new NotNow('a process ended meanwhile');
    }, settleMs);
  }

  /** Throws while a process is down; otherwise who runs. */
  #standing(): string {
    return this.cluster
      .processes()
      .map(({ name, state, pid }) => {
        if (state !== 'ready') throw new NotNow(`${name} is ${state}`);
        return `${name} ${pid}`;
      })
      .join();
  }

  /** Records that consumer groups have not handled. */
  async lags(): Promise<Readonly<Record<string, number>>> {
    return this.#withLog(async (log) => {
      const entries = Object.entries(groups).map(
        async ([group, read]) => [group, await log.groupLag(group, read)] as const,
      );
      return Object.fromEntries(await Promise.all(entries));
    });
  }

  messages(): Promise<readonly RequestedMessage[]> {
    return this.#readAll<RequestedMessage>(topics.messagesRequested.name);
  }

  deliveries(): Promise<readonly Delivery[]> {
    return this.#readAll<Delivery>(topics.deliveriesRecorded.name);
  }

  decisions(): Promise<readonly DecisionRecord[]> {
    return this.#readAll<DecisionRecord>(topics.decisionsMade.name);
  }

  /** Every document of a collection that has no index of its own, with its version. */
  async documents(collection: string): Promise<readonly Stored<object>[]> {
    const store = await openDocumentStore({ kind: 'mongodb', uri: this.store.uri });
    try {
      const opened = await store.collection({ name: collection });
      const found: Stored<object>[] = [];
      for (;;) {
        const last = found.at(-1);
        const page = await opened.scan('_id', {
          limit: 1000,
          ...(last === undefined ? {} : { after: { key: last.id, id: last.id } }),
        });
        if (page.length === 0) return found;
        found.push(...page);
      }
    } finally {
      await store.close();
    }
  }

  /** Offsets after the last record of every topic: grow with everything that is written. */
  written(): Promise<Readonly<Record<string, readonly number[]>>> {
    return this.#withLog(async (log) => {
      const ends = Object.values(topics).map(
        async ({ name }) => [name, (await log.bounds(name)).map(({ end }) => end)] as const,
      );
      return Object.fromEntries(await Promise.all(ends));
    });
  }

  async #readAll<T>(topic: string): Promise<readonly T[]> {
    return this.#withLog((log) => readTopic<T>(log, topic));
  }

  async #withLog<T>(work: (log: Awaited<ReturnType<typeof openEventLog>>) => Promise<T>): Promise<T> {
    const log = await openEventLog({ kind: 'kafka', brokers: this.kafka.brokers });
    try {
      return await work(log);
    } finally {
      await log.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#repairs, this.kills.settled()]);
    await this.undo();
  }
}
