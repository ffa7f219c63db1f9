import type { Admin, Kafka } from 'kafkajs';
import { RapportError, systemClock, type Clock } from '@rapport/kernel';
import type {
  ConsumeFailure,
  Consumer,
  ConsumerOptions,
  Admission,
  EventLog,
  LogRecord,
  NewRecord,
  Position,
  TopicContract,
} from '../event-log.js';
import { EventLoopTurns } from '../consuming/event-loop-turns.js';
import { partitionOfKey } from '../partitioner.js';
import { checkRecord, topicMissing } from '../record-limits.js';
import { expelFormerMembers } from './kafka/former-members.js';
import { GroupMember } from './kafka/group-member.js';
import type { GroupTiming } from './kafka/group-membership.js';
import {
  briefRetry,
  kafkaClient,
  kafkaError,
  patientRetry,
  refusalOf,
  type KafkaConnection,
} from './kafka/kafka-client.js';
import { PartitionReader } from './kafka/partition-reader.js';
import { SendQueue } from './kafka/send-queue.js';
import {
  createMissing,
  differences,
  mismatch,
  settle,
  type TopicDifference,
  type TopicPlacement,
} from './kafka/topic-settings.js';

export interface KafkaEventLogOptions extends KafkaConnection, TopicPlacement, GroupTiming {
  /**
   * The name of this process among its replicas, the same after a restart: its consumers take the place of those that
   * a killed process of this name left in their groups. Absent: those are waited for until their session ends.
   */
  readonly instance?: string;
  /** Where records without a timestamp get theirs; default the machine's clock. */
  readonly clock?: Clock;
  /** Told whenever a consumer's work failed and will be tried again. */
  readonly onFailure?: (failure: ConsumeFailure) => void;
}

/** A log that is open, and in what its topics are not as declared. */
export interface SettledEventLog {
  readonly log: EventLog;
  readonly differences: readonly TopicDifference[];
}

interface Topic {
  readonly name: string;
  /** By partition, the broker that leads it. */
  readonly leaders: readonly number[];
}

/** Opens the event log that a Kafka cluster keeps. */
export async function openKafkaEventLog(options: KafkaEventLogOptions): Promise<EventLog> {
  const admin = await connectedAdmin(options);
  return new KafkaEventLog(options, admin);
}

/** Opens the log with its topics compared or brought to the contracts first; answers what is not as they say. */
export async function openSettledKafkaEventLog(
  options: KafkaEventLogOptions,
  contracts: readonly TopicContract[],
  how: 'check' | 'apply',
): Promise<SettledEventLog> {
  const admin = await connectedAdmin(options);
  try {
    const found = await settle(admin, contracts, options, how);
    const log = new KafkaEventLog(options, admin);
    if (found.length === 0) await log.load(contracts.map(({ name }) => name));
    return { log, differences: found };
  } catch (thrown) {
    await admin.disconnect().catch(() => undefined);
    throw kafkaError(thrown, options);
  }
}

/** What is not as the contracts say, missing topics included. */
export function checkKafkaTopics(
  options: KafkaEventLogOptions,
  contracts: readonly TopicContract[],
): Promise<readonly TopicDifference[]> {
  return withAdmin(options, (admin) => settle(admin, contracts, options, 'check'));
}

/** Creates and alters what can be; answers what is left to be done by hand. */
export function applyKafkaTopics(
  options: KafkaEventLogOptions,
  contracts: readonly TopicContract[],
): Promise<readonly TopicDifference[]> {
  return withAdmin(options, (admin) => settle(admin, contracts, options, 'apply'));
}

async function connectedAdmin(options: KafkaEventLogOptions): Promise<Admin> {
  const admin = kafkaClient(options, briefRetry).admin();
  try {
    await admin.connect();
    await admin.describeCluster();
    return admin;
  } catch (thrown) {
    await admin.disconnect().catch(() => undefined);
    throw kafkaError(thrown, options);
  }
}

async function withAdmin<T>(options: KafkaEventLogOptions, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = await connectedAdmin(options);
  try {
    return await work(admin);
  } catch (thrown) {
    throw kafkaError(thrown, options);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

class KafkaEventLog implements EventLog {
  readonly #options: KafkaEventLogOptions;
  readonly #admin: Admin;
  readonly #kafka: Kafka;
  readonly #clock: Clock;
  readonly #topics = new Map<string, Topic>();
  readonly #members = new Set<GroupMember>();
  readonly #turns = new EventLoopTurns(0);
  readonly #sending: SendQueue;
  #reader: PartitionReader | undefined;
  #refusal: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: KafkaEventLogOptions, admin: Admin) {
    this.#options = options;
    this.#admin = admin;
    this.#clock = options.clock ?? systemClock;
    this.#kafka = kafkaClient(options);
    const sending = kafkaClient(options, patientRetry, (said) => (this.#refusal = refusalOf(said, options)));
    this.#sending = new SendQueue({
      connect: async () => {
        const producer = sending.producer({
          idempotent: true,
          maxInFlightRequests: 5,
          allowAutoTopicCreation: false,
          retry: patientRetry,
        });
        await producer.connect();
        return producer;
      },
      leaderOf: (topic, partition) => this.#topics.get(topic)?.leaders[partition] ?? -1,
      onFailed: (thrown) => {
        // Leaders may have moved.
        this.#topics.clear();
        this.#refusal = undefined;
        return kafkaError(thrown, this.#options, 'EVENT_LOG_WRITE_FAILED');
      },
    });
  }

  async ensureTopics(contracts: readonly TopicContract[]): Promise<void> {
    this.#refuseWhenClosed();
    try {
      await createMissing(this.#admin, contracts, this.#options);
      const found = await differences(this.#admin, contracts, this.#options);
      if (found.length > 0) throw mismatch(found);
      await this.load(contracts.map(({ name }) => name));
    } catch (thrown) {
      throw kafkaError(thrown, this.#options);
    }
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly Position[]> {
    this.#refuseWhenClosed();
    for (const record of records) checkRecord(topic, record);
    const { leaders } = this.#topics.get(topic) ?? (await this.#topic(topic));
    const positions = await this.#sending.append(topic, leaders.length, records, this.#clock.now());
    this.#refusal = undefined;
    return positions;
  }

  async consume(consumer: ConsumerOptions): Promise<Consumer> {
    this.#refuseWhenClosed();
    const topics = await Promise.all(consumer.topics.map((name) => this.#topic(name)));
    if (topics.length === 0 || new Set(topics.map(({ leaders }) => leaders.length)).size > 1) {
      throw new RapportError(
        'EVENT_LOG_NOT_COPARTITIONED',
        'invalid',
        `group ${consumer.group} reads ${consumer.topics.join(', ') || 'nothing'}: expected one or more topics with equally many partitions`,
      );
    }
    const { instance } = this.#options;
    const clientId = instance === undefined ? undefined : `rapport-${instance}`;
    const kafka = kafkaClient({ ...this.#options, ...(clientId === undefined ? {} : { clientId }) });
    const member = new GroupMember({
      kafka,
      expelFormer: async () =>
        clientId === undefined ? 0 : await expelFormerMembers(kafka, consumer.group, clientId),
      consumer,
      timing: this.#options,
      turns: this.#turns,
      onFailure: (failure) => {
        // What a consumer's work throws is its own; what ends a membership comes from the client.
        const told =
          failure.partition < 0 ? { ...failure, thrown: kafkaError(failure.thrown, this.#options) } : failure;
        consumer.onFailure?.(told);
        this.#options.onFailure?.(told);
      },
      ends: () => this.#ends(consumer.topics),
      committed: () => this.#committed(consumer.group, consumer.topics),
    });
    this.#members.add(member);
    try {
      await member.start();
    } catch (thrown) {
      await member.stop();
      throw kafkaError(thrown, this.#options);
    }
    return member;
  }

  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    max: number,
  ): Promise<readonly LogRecord[]> {
    this.#refuseWhenClosed();
    const bounds = (await this.bounds(topic))[partition];
    if (bounds === undefined) return [];
    this.#reader ??= new PartitionReader(this.#kafka);
    return this.#reader.read(topic, partition, Math.max(fromOffset, bounds.first), max, bounds.end);
  }

  async bounds(topic: string): Promise<readonly { readonly first: number; readonly end: number }[]> {
    this.#refuseWhenClosed();
    await this.#topic(topic);
    try {
      const offsets = await this.#admin.fetchTopicOffsets(topic);
      return [...offsets]
        .sort((a, b) => a.partition - b.partition)
        .map(({ low, high }) => ({ first: Number(low), end: Number(high) }));
    } catch (thrown) {
      throw kafkaError(thrown, this.#options);
    }
  }

  async groupLag(group: string, topics: readonly string[]): Promise<number> {
    const [ends, committed] = await Promise.all([this.#ends(topics), this.#committed(group, topics)]);
    let lag = 0;
    for (const [topic, offsets] of ends)
      offsets.forEach(
        (end, partition) => (lag += Math.max(0, end - (committed.get(topic)?.[partition] ?? 0))),
      );
    return lag;
  }

  async committed(group: string, topic: string): Promise<readonly number[]> {
    this.#refuseWhenClosed();
    return (await this.#committed(group, [topic])).get(topic) ?? [];
  }

  lastRefusal(): string | undefined {
    return this.#refusal;
  }

  admitted(): Promise<readonly Admission[]> {
    return Promise.all([...this.#members].map((member) => member.admitted));
  }

  partitionOf(topic: string, key: string): number {
    const known = this.#topics.get(topic);
    if (known === undefined) throw topicMissing(topic);
    return partitionOfKey(key, known.leaders.length);
  }

  /** The brokers do that. */
  maintain(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.stop()));
    await this.#sending.close();
    await this.#reader?.close();
    await this.#admin.disconnect().catch(() => undefined);
  }

  async #ends(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
    return new Map(
      await Promise.all(
        topics.map(async (topic) => [topic, (await this.bounds(topic)).map(({ end }) => end)] as const),
      ),
    );
  }

  /** Where there is no commit, or one that retention has overtaken: the first record that is kept. */
  async #committed(
    group: string,
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, readonly number[]>> {
    const firsts = new Map(
      await Promise.all(
        topics.map(async (topic) => [topic, (await this.bounds(topic)).map(({ first }) => first)] as const),
      ),
    );
    const answers = await this.#admin
      .fetchOffsets({ groupId: group, topics: [...topics] })
      .catch((thrown: unknown) => {
        throw kafkaError(thrown, this.#options);
      });
    for (const { topic, partitions } of answers) {
      const offsets = [...(firsts.get(topic) ?? [])];
      for (const { partition, offset } of partitions)
        offsets[partition] = Math.max(offsets[partition] ?? 0, Number(offset));
      firsts.set(topic, offsets);
    }
    return firsts;
  }

  async #topic(name: string): Promise<Topic> {
    if (!this.#topics.has(name)) await this.load([name]);
    const topic = this.#topics.get(name);
    if (topic === undefined) throw topicMissing(name);
    return topic;
  }

  /** Finds out who leads the partitions of these topics. */
  async load(names: readonly string[]): Promise<void> {
    try {
      const there = new Set(await this.#admin.listTopics());
      const wanted = names.filter((name) => there.has(name));
      if (wanted.length === 0) return;
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: wanted });
      for (const { name, partitions } of topics) {
        const leaders = [...partitions]
          .sort((a, b) => a.partitionId - b.partitionId)
          .map(({ leader }) => leader);
        this.#topics.set(name, { name, leaders });
      }
    } catch (thrown) {
      throw kafkaError(thrown, this.#options);
    }
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined)
      throw new RapportError('EVENT_LOG_CLOSED', 'unavailable', 'the event log was closed');
  }
}
