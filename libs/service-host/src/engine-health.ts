import { isPoison, messageOf, RapportError } from '@rapport/kernel';
import type { Collection, CollectionDeclaration, Document, DocumentStore } from '@rapport/document-store';
import type { Consumer, ConsumerOptions, EventLog } from '@rapport/event-log';

/** How long a failure is told after the last time it was seen: longer than any pause between two attempts. */
const toldForMs = 15_000;
/** What has been waited for so long is told, before it fails. */
const slowMs = 3_000;
/** Places that a line names; the rest are counted. */
const maxPlaces = 3;

interface Trouble {
  readonly line: string;
  readonly atMs: number;
  /** True as soon as it is known to be over, where no success would say so. */
  readonly isOver?: () => boolean;
}

interface Waiting {
  readonly where: string;
  readonly sinceMs: number;
  readonly why: (() => string | undefined) | undefined;
}

/**
 * What log and store refused lately, and what they have not answered for too long: one line per place for readiness,
 * until the same place works again. Times are of the process, not of the platform's clock.
 */
export class EngineHealth {
  readonly #troubles = new Map<string, Trouble>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #consumers = new Map<string, Consumer>();
  #next = 0;

  /** A consumer of this process; a later one of its group takes its place. */
  consumes(group: string, consumer: Consumer): void {
    this.#consumers.set(group, consumer);
  }

  /** Records that each consumer group of this process has not handled yet, for GET /v1/status. */
  async lags(): Promise<Readonly<Record<string, number>>> {
    const lags = [...this.#consumers].map(
      async ([group, consumer]) => [group, await consumer.lag()] as const,
    );
    return Object.fromEntries(await Promise.all(lags));
  }

  failed(where: string, thrown: unknown, isOver?: () => boolean): void {
    const line = thrown instanceof RapportError ? `${thrown.code}: ${thrown.message}` : messageOf(thrown);
    this.#troubles.set(where, {
      line,
      atMs: performance.now(),
      ...(isOver === undefined ? {} : { isOver }),
    });
  }

  worked(where: string): void {
    if (this.#troubles.size > 0) this.#troubles.delete(where);
  }

  /** Runs an operation and remembers how it ended; `why` is asked when it takes too long. */
  async watch<T>(where: string, operation: () => Promise<T>, why?: () => string | undefined): Promise<T> {
    const number = this.#next++;
    this.#waiting.set(number, { where, sinceMs: performance.now(), why });
    try {
      const result = await operation();
      this.worked(where);
      return result;
    } catch (thrown) {
      if (isTrouble(thrown)) this.failed(where, thrown);
      throw thrown;
    } finally {
      this.#waiting.delete(number);
    }
  }

  lines(): readonly string[] {
    const nowMs = performance.now();
    for (const [where, { atMs, isOver }] of this.#troubles)
      if (nowMs - atMs > toldForMs || isOver?.() === true) this.#troubles.delete(where);
    const told = new Map([...this.#troubles].map(([where, { line }]) => [where, line]));
    for (const { where, sinceMs, why } of this.#waiting.values()) {
      if (nowMs - sinceMs < slowMs || told.has(where)) continue;
      const cause = why?.();
      told.set(where, `no answer yet${cause === undefined ? '' : `: ${cause}`}`);
    }
    return byCause(told);
  }
}

/** One cause is one line, however many places feel it. */
function byCause(told: ReadonlyMap<string, string>): readonly string[] {
  const causes = new Map<string, string[]>();
  for (const [where, line] of told) causes.set(line, [...(causes.get(line) ?? []), where]);
  return [...causes].map(([line, places]) => {
    const more = places.length > maxPlaces ? ` and ${places.length - maxPlaces} more` : '';
    return `${places.slice(0, maxPlaces).join('; ')}${more}: ${line}`;
  });
}

/** What is the input's fault, or a record that is too large, or a store that was closed say nothing about the engine. */
function isTrouble(thrown: unknown): boolean {
  if (!(thrown instanceof RapportError)) return !isPoison(thrown);
  return ['unavailable', 'unauthenticated', 'forbidden', 'internal', 'exhausted'].includes(thrown.status);
}

/** The log, its appends and consumers watched. */
export function watchedLog(log: EventLog, health: EngineHealth): EventLog {
  const why = (): string | undefined => log.lastRefusal?.();
  return {
    ensureTopics: (contracts) => log.ensureTopics(contracts),
    append: (topic, records) => health.watch(`event log, ${topic}`, () => log.append(topic, records), why),
    consume: (options) => watchedConsumer(log, options, health),
    read: (topic, partition, from, max) => log.read(topic, partition, from, max),
    bounds: (topic) => log.bounds(topic),
    groupLag: (group, topics) => log.groupLag(group, topics),
    ...('committed' in log
      ? { committed: (group, topic) => log.committed?.(group, topic) ?? Promise.resolve([]) }
      : {}),
    ...('admitted' in log ? { admitted: () => log.admitted?.() ?? Promise.resolve([]) } : {}),
    lastRefusal: why,
    partitionOf: (topic, key) => log.partitionOf(topic, key),
    maintain: () => log.maintain(),
    close: () => log.close(),
  };
}

async function watchedConsumer(
  log: EventLog,
  options: ConsumerOptions,
  health: EngineHealth,
): Promise<Consumer> {
  const nameOf = (partition: number): string =>
    partition < 0 ? `consumer ${options.group}` : `consumer ${options.group}, partition ${partition}`;
  let consumer: Consumer | undefined = undefined;
  const running = (): Consumer | undefined => consumer;
  const { onAssigned, onPoison, onRevoked } = options;
  consumer = await log.consume({
    ...options,
    onBatch: async (batch) => {
      await options.onBatch(batch);
      health.worked(nameOf(batch.partition));
    },
    ...(onPoison === undefined
      ? {}
      : {
          onPoison: async (record, thrown) => {
            await onPoison(record, thrown);
            health.worked(nameOf(record.partition));
          },
        }),
    ...(onAssigned === undefined
      ? {}
      : {
          onAssigned: async (partition) => {
            await onAssigned(partition);
            health.worked(nameOf(partition));
          },
        }),
    onRevoked: (partition) => {
      health.worked(nameOf(partition));
      onRevoked?.(partition);
    },
    onFailure: (failure) => {
      const { partition, thrown } = failure;
      // The membership as a whole: it is back when partitions are.
      const isOver = (): boolean => (running()?.assigned().length ?? 0) > 0;
      health.failed(nameOf(partition), thrown, partition < 0 ? isOver : undefined);
      options.onFailure?.(failure);
    },
  });
  health.consumes(options.group, consumer);
  return consumer;
}

/** The store, its reads and writes watched. */
export function watchedStore(store: DocumentStore, health: EngineHealth): DocumentStore {
  return {
    collection: async <T extends Document>(declaration: CollectionDeclaration<T>) =>
      watchedCollection(await store.collection(declaration), `document store, ${declaration.name}`, health),
    close: () => store.close(),
  };
}

function watchedCollection<T extends Document>(
  collection: Collection<T>,
  name: string,
  health: EngineHealth,
): Collection<T> {
  const reading = `${name}: reading`;
  const writing = `${name}: writing`;
  return {
    get: (id) => health.watch(reading, () => collection.get(id)),
    getMany: (ids) => health.watch(reading, () => collection.getMany(ids)),
    write: (writes) => health.watch(writing, () => collection.write(writes)),
    scan: (index, options) => health.watch(reading, () => collection.scan(index, options)),
    count: (index) => health.watch(reading, () => collection.count(index)),
  };
}
