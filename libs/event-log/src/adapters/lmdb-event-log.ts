import { mkdirSync } from 'node:fs';
import { open, type Database, type RootDatabase } from 'lmdb';
import { lockFolder, type FolderLock } from '@rapport/folder-lock';
import { RapportError, systemClock, type Clock } from '@rapport/kernel';
import type {
  ConsumeFailure,
  Consumer,
  ConsumerOptions,
  EventLog,
  LogRecord,
  NewRecord,
  Position,
  TopicContract,
} from '../event-log.js';
import { partitionOfKey } from '../partitioner.js';
import { checkRecord, topicMissing } from '../record-limits.js';
import { EventLoopTurns } from '../consuming/event-loop-turns.js';
import { ChunkMemory } from './lmdb/chunk-memory.js';
import { CommittedPositions } from './lmdb/committed-positions.js';
import { ConsumerGroup } from './lmdb/consumer-group.js';
import { GroupCommit } from './lmdb/group-commit.js';
import { maintainTopic } from './lmdb/maintenance.js';
import { chunkKey, offsetOfKey, PartitionLog } from './lmdb/partition-log.js';
import { refuseDamagedFile, tolerateDroppedCommits } from '@rapport/lmdb-commits';

export interface LmdbEventLogOptions {
  /** A folder of its own, on a local disk; created where missing. One process at a time. */
  readonly path: string;
  /** Where records without a timestamp get theirs, and what retention goes by; default the machine's clock. */
  readonly clock?: Clock;
  /**
   * Batches of one partition begin at least so many milliseconds apart, unless one was full: what comes meanwhile goes
   * into the next together, and a batch costs nearly the same whether it holds one record or fifty. The first record
   * after a rest waits for nothing. Default 0.
   */
  readonly paceMs?: number;
  /** Told whenever a consumer's work failed and will be tried again. */
  readonly onFailure?: (failure: ConsumeFailure) => void;
}

interface StoredTopic {
  readonly id: number;
  readonly contract: TopicContract;
}

interface Topic {
  readonly name: string;
  readonly id: number;
  contract: TopicContract;
  readonly partitions: readonly PartitionLog[];
}

const maintainEveryMs = 10 * 60_000;

/** Opens the event log that is kept in a folder of this machine, for this process alone. */
export async function openLmdbEventLog(options: LmdbEventLogOptions): Promise<EventLog> {
  tolerateDroppedCommits();
  mkdirSync(options.path, { recursive: true });
  const lock = lockFolder(options.path, 'EVENT_LOG_IN_USE');
  try {
    refuseDamagedFile(`${options.path}/log`, 'EVENT_LOG_DAMAGED');
    // A transaction is visible when it is durable: no reader acts on what a power cut may take back.
    const root = open({ path: `${options.path}/log`, overlappingSync: false, maxDbs: 8 });
    return await Promise.resolve(new LmdbEventLog(root, lock, options));
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

class LmdbEventLog implements EventLog {
  readonly #root: RootDatabase;
  readonly #lock: FolderLock;
  readonly #clock: Clock;
  readonly #onFailure: ((failure: ConsumeFailure) => void) | undefined;
  readonly #declared: Database<StoredTopic, string>;
  readonly #chunks: Database<Buffer, Buffer>;
  /** First and end of a partition, where they do not follow from its chunks. */
  readonly #bounds: Database<{ first: number; end: number }, [string, number]>;
  readonly #positions: CommittedPositions;
  readonly #commits: GroupCommit;
  readonly #pieces = new ChunkMemory();
  readonly #topics = new Map<string, Topic>();
  readonly #groups = new Map<string, ConsumerGroup>();
  readonly #consumers = new Set<Consumer>();
  readonly #turns: EventLoopTurns;
  readonly #maintenance: NodeJS.Timeout;
  #maintaining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(root: RootDatabase, lock: FolderLock, options: LmdbEventLogOptions) {
    this.#turns = new EventLoopTurns(options.paceMs ?? 0);
    this.#root = root;
    this.#lock = lock;
    this.#clock = options.clock ?? systemClock;
    this.#onFailure = options.onFailure;
    this.#declared = root.openDB({ name: 'topics' });
    this.#chunks = root.openDB({ name: 'chunks', encoding: 'binary', keyEncoding: 'binary' });
    this.#bounds = root.openDB({ name: 'bounds' });
    this.#commits = new GroupCommit(root, this.#chunks, this.#pieces, () => this.#positions.put());
    this.#positions = new CommittedPositions(root.openDB({ name: 'positions' }), () => {
      this.#commits.drain().catch(() => undefined);
    });
    for (const { value } of this.#declared.getRange())
      this.#topics.set(value.contract.name, this.#load(value));
    this.#maintenance = setInterval(
      () => void this.maintain().catch(() => undefined),
      maintainEveryMs,
    ).unref();
  }

  async ensureTopics(contracts: readonly TopicContract[]): Promise<void> {
    this.#refuseWhenClosed();
    for (const contract of contracts) {
      const there = this.#topics.get(contract.name);
      if (there !== undefined && there.partitions.length !== contract.partitions)
        throw mismatch(contract, there.partitions.length);
    }
    // Numbers are given out before anything is waited for: several rooms declare their topics at the same time.
    const stored = contracts.map((contract): StoredTopic => {
      const there = this.#topics.get(contract.name);
      const declared: StoredTopic = { id: there?.id ?? this.#freeId(), contract: { ...contract } };
      if (there === undefined) this.#topics.set(contract.name, this.#load(declared));
      else there.contract = declared.contract;
      return declared;
    });
    await this.#root.batch(() => {
      for (const declared of stored) void this.#declared.put(declared.contract.name, declared);
    });
  }

  append(topic: string, records: readonly NewRecord[]): Promise<readonly Position[]> {
    try {
      this.#refuseWhenClosed();
      for (const record of records) checkRecord(topic, record);
      return this.#commits.append(this.#topic(topic), records, this.#clock.now());
    } catch (thrown) {
      return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  consume(options: ConsumerOptions): Promise<Consumer> {
    return new Promise((resolve) => {
      this.#refuseWhenClosed();
      const group = this.#groupOf(options);
      const failed = (failure: ConsumeFailure): void => {
        options.onFailure?.(failure);
        this.#onFailure?.(failure);
      };
      const consumer = group.join(options, failed);
      this.#consumers.add(consumer);
      resolve(consumer);
    });
  }

  read(topic: string, partition: number, fromOffset: number, max: number): Promise<readonly LogRecord[]> {
    return new Promise((resolve) => {
      this.#refuseWhenClosed();
      const log = this.#topic(topic).partitions[partition];
      const records: LogRecord[] = [];
      let offset = Math.max(fromOffset, log?.first ?? 0);
      while (log !== undefined && records.length < max) {
        const chunk = log.chunkFrom(offset);
        const last = chunk.at(-1);
        if (last === undefined) break;
        records.push(...chunk.slice(0, max - records.length));
        offset = last.offset + 1;
      }
      resolve(records);
    });
  }

  bounds(topic: string): Promise<readonly { readonly first: number; readonly end: number }[]> {
    return new Promise((resolve) =>
      resolve(this.#topic(topic).partitions.map(({ first, end }) => ({ first, end }))),
    );
  }

  groupLag(group: string, topics: readonly string[]): Promise<number> {
    return new Promise((resolve) => {
      const logs = topics.flatMap((topic) => this.#topic(topic).partitions);
      resolve(
        logs.reduce(
          (lag, log) => lag + Math.max(0, log.end - Math.max(this.#positions.get(group, log), log.first)),
          0,
        ),
      );
    });
  }

  committed(group: string, topic: string): Promise<readonly number[]> {
    return new Promise((resolve) => {
      const { partitions } = this.#topic(topic);
      resolve(partitions.map((log) => Math.max(this.#positions.get(group, log), log.first)));
    });
  }

  partitionOf(topic: string, key: string): number {
    return partitionOfKey(key, this.#topic(topic).partitions.length);
  }

  maintain(): Promise<void> {
    this.#refuseWhenClosed();
    this.#maintaining ??= this.#maintainAll().finally(() => (this.#maintaining = undefined));
    return this.#maintaining;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#maintenance);
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await this.#maintaining?.catch(() => undefined);
    await this.#commits.drain();
    this.#positions.close();
    await this.#root.close();
    this.#lock.release();
  }

  async #maintainAll(): Promise<void> {
    const stores = { root: this.#root, chunks: this.#chunks, bounds: this.#bounds };
    for (const { contract, partitions } of this.#topics.values())
      await maintainTopic(stores, contract, partitions, this.#clock.now());
  }

  #groupOf(options: ConsumerOptions): ConsumerGroup {
    const topics = options.topics.map((name) => this.#topic(name));
    const counts = new Set(topics.map((topic) => topic.partitions.length));
    if (topics.length === 0 || counts.size > 1) {
      throw new RapportError(
        'EVENT_LOG_NOT_COPARTITIONED',
        'invalid',
        `group ${options.group} reads ${options.topics.join(', ') || 'nothing'}: expected one or more topics with equally many partitions`,
      );
    }
    const known = this.#groups.get(options.group);
    if (known !== undefined && !known.isEmpty) return known;
    const group = new ConsumerGroup(
      options.group,
      options.topics,
      topics.map((topic) => topic.partitions),
      {
        get: (log) => this.#positions.get(options.group, log),
        set: (log, position) => this.#positions.set(options.group, log, position),
        drain: () => this.#commits.drain(),
      },
      this.#turns,
    );
    this.#groups.set(options.group, group);
    return group;
  }

  #load(stored: StoredTopic): Topic {
    const { id, contract } = stored;
    const partitions = Array.from({ length: contract.partitions }, (_, partition) => {
      const kept = this.#bounds.get([contract.name, partition]);
      const range = {
        start: chunkKey(id, partition, Number.MAX_VALUE),
        end: chunkKey(id, partition, 0),
        reverse: true,
        inclusiveEnd: true,
        limit: 1,
      };
      const [newest] = [...this.#chunks.getKeys(range)];
      const end = Math.max(kept?.end ?? 0, newest === undefined ? 0 : offsetOfKey(newest) + 1);
      const bounds = { first: kept?.first ?? 0, end };
      return new PartitionLog(this.#chunks, contract.name, id, partition, bounds, this.#pieces);
    });
    return { name: contract.name, id, contract, partitions };
  }

  #freeId(): number {
    return Math.max(0, ...[...this.#topics.values()].map((topic) => topic.id)) + 1;
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw topicMissing(name);
    return topic;
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined)
      throw new RapportError('EVENT_LOG_CLOSED', 'unavailable', 'the event log was closed');
  }
}

function mismatch(contract: TopicContract, partitions: number): RapportError {
  return new RapportError(
    'EVENT_LOG_TOPIC_MISMATCH',
    'conflict',
    `topic ${contract.name} has ${partitions} partitions, expected ${contract.partitions}: keys would move between partitions. ` +
      'Declare the topic with the number it has, or give it a new name and replay',
  );
}
