import type { Consumer as KafkaJsConsumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { ConsumeFailure } from '../../event-log.js';
import { coPartitionAssigner } from './co-partition-assigner.js';

export interface GroupTiming {
  /** A member that is silent for so long is taken for dead; default 10 s. */
  readonly sessionTimeoutMs?: number;
  /** How long a member may take to join again in a rebalance; default 60 s. */
  readonly rebalanceTimeoutMs?: number;
}

export interface GroupMembershipOptions {
  readonly kafka: Kafka;
  readonly group: string;
  readonly topics: readonly string[];
  readonly timing: GroupTiming;
  /** Partition numbers that it has now and would keep. */
  readonly owned: () => readonly number[];
  /** Called before it joins: takes out who is left of an earlier process of this name. */
  readonly expelFormer: () => Promise<unknown>;
  readonly onFailure: (failure: ConsumeFailure) => void;
  /** Told what was fetched; the next fetch waits for it. */
  readonly onFetched: (payload: EachBatchPayload) => Promise<void>;
  /**
   * A new generation, with the partition numbers of this member. Not `continued`: the group had given it up meanwhile,
   * and others may have worked on its partitions since.
   */
  readonly onJoin: (partitions: ReadonlySet<number>, continued: boolean) => void;
  /** Whether it is being stopped: then it neither counts itself in nor restarts any more. */
  readonly isStopped: () => boolean;
  /** The broker just counted it in. */
  readonly onProven: () => void;
}

/** The broker answers a fetch at once when there is something, else after this long; heartbeats go out in between. */
const fetchWaitMs = 250;
const restartMs = 2_000;
/** How long a stop waits for a join that is under way. */
const longestJoinMs = 5_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

/** The place of one member in a consumer group: joins, proves that it lives, fetches, and joins again after a crash. */
export class GroupMembership {
  readonly #options: GroupMembershipOptions;
  readonly #consumer: KafkaJsConsumer;
  readonly #sessionTimeoutMs: number;
  #memberId: string | undefined;
  #joined = false;
  #askedAtMs = 0;
  #joinedAtMs: number | undefined;
  /** When the request was sent that last proved the membership. */
  #provenAtMs = 0;
  #heartbeatSentAtMs = 0;
  #joining: Promise<void> = Promise.resolve();

  constructor(options: GroupMembershipOptions) {
    this.#options = options;
    this.#sessionTimeoutMs = options.timing.sessionTimeoutMs ?? 10_000;
    this.#consumer = options.kafka.consumer({
      groupId: options.group,
      partitionAssigners: [
        coPartitionAssigner(() => {
          // Asked for whenever it joins, also where kafkajs says nothing: when the group no longer knows the member.
          this.#joined = false;
          return [...options.owned()];
        }),
      ],
      sessionTimeout: this.#sessionTimeoutMs,
      rebalanceTimeout: options.timing.rebalanceTimeoutMs ?? 60_000,
      heartbeatInterval: Math.min(1_000, Math.floor(this.#sessionTimeoutMs / 10)),
      maxWaitTimeInMs: fetchWaitMs,
      minBytes: 1,
      maxBytesPerPartition: 4 * 1024 * 1024,
      maxBytes: 16 * 1024 * 1024,
      allowAutoTopicCreation: false,
      // A crash of the client is told and started over; giving up is not an option for a consumer.
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 1_000,
        multiplier: 2,
        factor: 0.2,
        retries: 8,
        restartOnFailure: () => Promise.resolve(!options.isStopped()),
      },
    });
    this.#listen();
  }

  /** When it asked to be let in and when it first was, as performance.now() tells. */
  get askedAtMs(): number {
    return this.#askedAtMs;
  }
  get joinedAtMs(): number {
    return this.#joinedAtMs ?? this.#askedAtMs;
  }

  async start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    // Where that fails, the broker finds out by itself when their session ends.
    await this.#options.expelFormer().catch(() => undefined);
    this.#askedAtMs = performance.now();
    await this.#run();
  }

  /** Whether the broker surely still counts us in: after a pause longer than the session nobody told us otherwise yet. */
  isMember(): boolean {
    return this.#joined && Date.now() - this.#provenAtMs < this.#sessionTimeoutMs * 0.9;
  }

  pause(topics: { topic: string; partitions: number[] }[]): void {
    this.#consumer.pause(topics);
  }

  resume(topics: { topic: string; partitions: number[] }[]): void {
    this.#consumer.resume(topics);
  }

  seek(to: { topic: string; partition: number; offset: string }): void {
    this.#consumer.seek(to);
  }

  /** Counts itself out. */
  leave(): void {
    this.#joined = false;
  }

  /** Lets a join that is under way come to its end first: kafkajs would forget it and go on with it. */
  async disconnect(): Promise<void> {
    await this.#joining;
    await this.#consumer.disconnect().catch(() => undefined);
  }

  #listen(): void {
    const { events } = this.#consumer;
    this.#consumer.on(events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'Heartbeat' || payload.apiName === 'SyncGroup')
        this.#heartbeatSentAtMs = payload.sentAt;
    });
    this.#consumer.on(events.HEARTBEAT, () => {
      this.#provenAtMs = this.#heartbeatSentAtMs;
      this.#options.onProven();
    });
    this.#consumer.on(events.REBALANCING, () => void (this.#joined = false));
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) =>
      this.#onJoin(payload.memberId, payload.memberAssignment),
    );
    this.#consumer.on(events.CRASH, ({ payload }) => {
      this.#joined = false;
      this.#failed(payload.error);
      if (!payload.restart) this.#restartLater();
    });
  }

  #onJoin(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    const continued = memberId === this.#memberId;
    this.#memberId = memberId;
    this.#provenAtMs = this.#heartbeatSentAtMs;
    this.#joined = !this.#options.isStopped();
    this.#joinedAtMs ??= performance.now();
    this.#options.onJoin(new Set(Object.values(assignment).flat()), continued);
  }

  #failed(thrown: unknown): void {
    this.#options.onFailure({ group: this.#options.group, partition: -1, thrown, retryInMs: restartMs });
  }

  #restartLater(): void {
    if (this.#options.isStopped()) return;
    setTimeout(() => {
      if (!this.#options.isStopped()) void this.#restart();
    }, restartMs).unref();
  }

  async #restart(): Promise<void> {
    try {
      await this.#consumer.connect();
      await this.#run();
    } catch (thrown) {
      this.#failed(thrown);
      this.#restartLater();
    }
  }

  async #run(): Promise<void> {
    // A stop that came before found nothing to end yet: kafkajs would connect again and join.
    if (this.#options.isStopped()) return this.disconnect();
    const joining = this.#join();
    const over = joining.then(
      () => undefined,
      () => undefined,
    );
    this.#joining = Promise.race([over, pause(longestJoinMs)]);
    await joining;
  }

  #join(): Promise<void> {
    return this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // Only handing over happens there, so all partitions of a fetch may do so at once.
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.#options.onFetched(payload),
    });
  }
}
