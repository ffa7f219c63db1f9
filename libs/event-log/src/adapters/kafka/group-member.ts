import type { Consumer as KafkaJsConsumer, EachBatchPayload, Kafka, OffsetsByTopicPartition } from 'kafkajs';
import { RapportError } from '@rapport/kernel';
import type { Admission, ConsumeFailure, Consumer, ConsumerOptions } from '../../event-log.js';
import { Lane, notOwned } from '../../consuming/lane.js';
import type { EventLoopTurns } from '../../consuming/event-loop-turns.js';
import { BufferedInput } from './buffered-input.js';
import { coPartitionAssigner } from './co-partition-assigner.js';
import { logRecordOf } from './kafka-records.js';

export interface GroupTiming {
  /** A member that is silent for so long is taken for dead; default 10 s. */
  readonly sessionTimeoutMs?: number;
  /** How long a member may take to join again in a rebalance; default 60 s. */
  readonly rebalanceTimeoutMs?: number;
}

export interface GroupMemberOptions {
  readonly kafka: Kafka;
  readonly consumer: ConsumerOptions;
  readonly timing: GroupTiming;
  readonly turns: EventLoopTurns;
  readonly onFailure: (failure: ConsumeFailure) => void;
  /** Called before it joins: takes out who is left of an earlier process of this name. */
  readonly expelFormer: () => Promise<unknown>;
  /** Offsets after the last record, by topic and partition. */
  readonly ends: () => Promise<ReadonlyMap<string, readonly number[]>>;
  /** What the group has committed, or where it would begin, by topic and partition. */
  readonly committed: () => Promise<ReadonlyMap<string, readonly number[]>>;
}

/** The broker answers a fetch at once when there is something, else after this long; heartbeats go out in between. */
const fetchWaitMs = 250;
/** A lane that is full is waited for so long before its partition is paused: pausing costs a fetch. */
const roomWaitMs = 100;
const commitRetryMs = 100;
const committedPollMs = 100;
const restartMs = 2_000;

/**
 * One member of a consumer group. Fetching and heartbeats go on by themselves; what is fetched waits in lanes, one
 * per partition number, so slow or failing work neither ends the session nor holds up other partitions. Offsets are
 * committed behind the work, and only for partitions that are owned in the generation that the commit names.
 */
export class GroupMember implements Consumer {
  readonly #options: GroupMemberOptions;
  readonly #consumer: KafkaJsConsumer;
  readonly #sessionTimeoutMs: number;
  readonly #lanes = new Map<number, Lane>();
  readonly #ending = new Map<number, Promise<void>>();
  readonly #inputs = new Map<string, BufferedInput>();
  readonly #progress = new Set<() => void>();
  #memberId: string | undefined;
  #joined = false;
  /** Resolves when every partition of the first assignment has been taken over. */
  readonly admitted: Promise<Admission>;
  #admit: (admission: Admission) => void = () => undefined;
  #askedAtMs = 0;
  /** Undefined before the first join; then how many partitions of it are still to be taken over. */
  #toTakeOver: number | undefined;
  #joinedAtMs = 0;
  /** When the request was sent that last proved the membership. */
  #provenAtMs = 0;
  #heartbeatSentAtMs = 0;
  #commit: ((offsets: OffsetsByTopicPartition) => Promise<void>) | undefined;
  #committing: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.admitted = new Promise((resolve) => (this.#admit = resolve));
    this.#sessionTimeoutMs = options.timing.sessionTimeoutMs ?? 10_000;
    this.#consumer = options.kafka.consumer({
      groupId: options.consumer.group,
      partitionAssigners: [coPartitionAssigner(() => [...this.#lanes.keys()])],
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
        restartOnFailure: () => Promise.resolve(true),
      },
    });
    this.#listen();
  }

  async start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#options.consumer.topics], fromBeginning: true });
    // Where that fails, the broker finds out by itself when their session ends.
    await this.#options.expelFormer().catch(() => undefined);
    this.#askedAtMs = performance.now();
    await this.#run();
  }

  async lag(): Promise<number> {
    const [ends, committed] = await Promise.all([this.#options.ends(), this.#options.committed()]);
    let lag = 0;
    for (const [topic, offsets] of ends)
      offsets.forEach(
        (end, partition) => (lag += Math.max(0, end - (committed.get(topic)?.[partition] ?? 0))),
      );
    return lag;
  }

  exclusively<T>(partition: number, work: () => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(partition);
    return lane === undefined
      ? Promise.reject(notOwned(this.#options.consumer.group, partition))
      : lane.exclusively(work);
  }

  assigned(): readonly number[] {
    return this.#isMember() ? [...this.#lanes.keys()].sort((a, b) => a - b) : [];
  }

  async caughtUp(): Promise<void> {
    const ends = await this.#options.ends();
    for (;;) {
      if (this.#stopped !== undefined) throw this.#stoppedError();
      const known = this.#knowsAll(ends);
      if (known ? this.#hasCommitted(ends) : reached(ends, await this.#options.committed())) return;
      await this.#nextProgress();
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
    await Promise.all(this.#ending.values());
    for (let attempt = 0; attempt < 20 && this.#isMember() && this.#uncommitted().length > 0; attempt++)
      await (this.#committing ?? this.#commitOnce());
    this.#joined = false;
    for (const partition of this.#lanes.keys()) this.#options.consumer.onRevoked?.(partition);
    this.#lanes.clear();
    this.#wakeWaiting();
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
      for (const lane of this.#lanes.values()) lane.signal();
    });
    this.#consumer.on(events.REBALANCING, () => void (this.#joined = false));
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) =>
      this.#onJoin(payload.memberId, payload.memberAssignment),
    );
    this.#consumer.on(events.CRASH, ({ payload }) => {
      this.#joined = false;
      this.#options.onFailure({
        group: this.#options.consumer.group,
        partition: -1,
        thrown: payload.error,
        retryInMs: restartMs,
      });
      if (payload.restart || this.#stopped !== undefined) return;
      setTimeout(() => void (this.#stopped ?? this.#restart()), restartMs).unref();
    });
  }

  async #restart(): Promise<void> {
    try {
      await this.#consumer.connect();
      await this.#run();
    } catch (thrown) {
      this.#options.onFailure({
        group: this.#options.consumer.group,
        partition: -1,
        thrown,
        retryInMs: restartMs,
      });
      setTimeout(() => void (this.#stopped ?? this.#restart()), restartMs).unref();
    }
  }

  #run(): Promise<void> {
    return this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // Only handing over happens there, so all partitions of a fetch may do so at once.
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.#take(payload),
    });
  }

  /** Takes what was fetched into the lane's buffer; the work itself is the lane's. */
  async #take(payload: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    const input = this.#inputs.get(nameOf(topic, partition));
    const last = messages.at(-1);
    if (input === undefined || last === undefined) return;
    // Commits at once and by itself, in the generation it was called in; consumer.commitOffsets would repeat a
    // refused commit in a later generation, for partitions that are another's by then.
    this.#commit = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    input.push(messages.map((message) => logRecordOf(topic, partition, message)));
    payload.resolveOffset(last.offset);
    this.#lanes.get(partition)?.signal();
    if (
      input.isFull &&
      !(await input.room(roomWaitMs)) &&
      this.#inputs.get(nameOf(topic, partition)) === input
    ) {
      input.paused = true;
      this.#consumer.pause([{ topic, partitions: [partition] }]);
    }
  }

  /** A new generation: lanes of partitions that stay go on, others end or begin. */
  #onJoin(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    // Another id: the group had given us up, and others may have worked on our partitions since.
    const continued = memberId === this.#memberId;
    this.#memberId = memberId;
    this.#provenAtMs = this.#heartbeatSentAtMs;
    this.#joined = this.#stopped === undefined;
    const mine = new Set(Object.values(assignment).flat());
    for (const partition of [...this.#lanes.keys()])
      if (!continued || !mine.has(partition)) this.#lose(partition);
    if (this.#stopped !== undefined) return;
    for (const partition of mine) {
      if (this.#lanes.has(partition)) this.#goOn(partition);
      else this.#begin(partition);
    }
    if (this.#toTakeOver === undefined) {
      this.#joinedAtMs = performance.now();
      this.#toTakeOver = mine.size + 1;
      this.#tookOver();
    }
    for (const lane of this.#lanes.values()) lane.signal();
    this.#scheduleCommit();
    this.#wakeWaiting();
  }

  #tookOver(): void {
    if (this.#toTakeOver === undefined || this.#toTakeOver === 0) return;
    this.#toTakeOver--;
    if (this.#toTakeOver > 0) return;
    this.#admit({
      group: this.#options.consumer.group,
      askedAtMs: this.#askedAtMs,
      joinedAtMs: this.#joinedAtMs,
    });
  }

  #begin(partition: number): void {
    const { consumer, turns, onFailure } = this.#options;
    const inputs = consumer.topics.map(
      (topic) => new BufferedInput(topic, partition, () => this.#onHandled(topic, partition)),
    );
    for (const input of inputs) {
      this.#inputs.set(nameOf(input.topic, partition), input);
      // Left from a time when the partition was ours before.
      this.#consumer.resume([{ topic: input.topic, partitions: [partition] }]);
    }
    const after = this.#ending.get(partition);
    this.#lanes.set(
      partition,
      new Lane({
        partition,
        consumer: {
          ...consumer,
          onAssigned: async () => {
            await consumer.onAssigned?.(partition);
            this.#tookOver();
          },
        },
        inputs,
        turns,
        onFailure,
        mayWork: () => this.#isMember(),
        ...(after === undefined ? {} : { after }),
      }),
    );
  }

  /** The client forgets where it was fetching and would begin at the committed offsets again. */
  #goOn(partition: number): void {
    for (const topic of this.#options.consumer.topics) {
      const fetchedUpTo = this.#inputs.get(nameOf(topic, partition))?.fetchedUpTo;
      if (fetchedUpTo !== undefined) this.#consumer.seek({ topic, partition, offset: String(fetchedUpTo) });
    }
  }

  #lose(partition: number): void {
    const lane = this.#lanes.get(partition);
    this.#lanes.delete(partition);
    for (const topic of this.#options.consumer.topics) this.#inputs.delete(nameOf(topic, partition));
    lane?.lose();
    const ended = lane?.done.then(() => {
      if (this.#ending.get(partition) === ended) this.#ending.delete(partition);
      this.#options.consumer.onRevoked?.(partition);
    });
    if (ended !== undefined) this.#ending.set(partition, ended);
  }

  /** Whether the broker surely still counts us in: after a pause longer than the session nobody told us otherwise yet. */
  #isMember(): boolean {
    return this.#joined && Date.now() - this.#provenAtMs < this.#sessionTimeoutMs * 0.9;
  }

  #onHandled(topic: string, partition: number): void {
    const input = this.#inputs.get(nameOf(topic, partition));
    if (input?.paused === true && input.isRoomy) {
      input.paused = false;
      this.#consumer.resume([{ topic, partitions: [partition] }]);
    }
    this.#scheduleCommit();
  }

  #scheduleCommit(): void {
    this.#committing ??= this.#commitWhileNeeded().finally(() => (this.#committing = undefined));
  }

  async #commitWhileNeeded(): Promise<void> {
    // Everything that is handled in this turn goes into one request.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#uncommitted().length > 0 && this.#isMember()) {
      if (!(await this.#commitOnce())) await new Promise((resolve) => setTimeout(resolve, commitRetryMs));
    }
  }

  #uncommitted(): readonly BufferedInput[] {
    return [...this.#inputs.values()].filter(
      (input) => input.handledUpTo !== undefined && input.handledUpTo !== input.committed,
    );
  }

  async #commitOnce(): Promise<boolean> {
    const inputs = this.#uncommitted();
    const upTo = inputs.map((input) => input.handledUpTo ?? 0);
    if (this.#commit === undefined || inputs.length === 0) return false;
    const topics = this.#options.consumer.topics.map((topic) => ({
      topic,
      partitions: inputs.flatMap((input, at) =>
        input.topic === topic ? [{ partition: input.partition, offset: String(upTo[at]) }] : [],
      ),
    }));
    try {
      await this.#commit({ topics: topics.filter(({ partitions }) => partitions.length > 0) });
      inputs.forEach((input, at) => (input.committed = upTo[at]));
      this.#wakeWaiting();
      return true;
    } catch {
      // Refused because of a rebalance, or the coordinator is away: what is still ours then is committed again.
      return false;
    }
  }

  /** Whether this consumer owns all partitions and has committed to each itself, so that nobody has to be asked. */
  #knowsAll(ends: ReadonlyMap<string, readonly number[]>): boolean {
    return (
      this.#isMember() &&
      [...ends].every(([topic, offsets]) =>
        offsets.every(
          (end, partition) =>
            end === 0 || this.#inputs.get(nameOf(topic, partition))?.committed !== undefined,
        ),
      )
    );
  }

  #hasCommitted(ends: ReadonlyMap<string, readonly number[]>): boolean {
    return [...ends].every(([topic, offsets]) =>
      offsets.every(
        (end, partition) => end === 0 || (this.#inputs.get(nameOf(topic, partition))?.committed ?? -1) >= end,
      ),
    );
  }

  #nextProgress(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, committedPollMs);
      this.#progress.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wakeWaiting(): void {
    for (const resolve of this.#progress) resolve();
    this.#progress.clear();
  }

  #stoppedError(): RapportError {
    const { group } = this.#options.consumer;
    return new RapportError(
      'EVENT_LOG_CONSUMER_STOPPED',
      'unavailable',
      `the consumer of group ${group} was stopped before it had caught up`,
    );
  }
}

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`;

function reached(
  ends: ReadonlyMap<string, readonly number[]>,
  committed: ReadonlyMap<string, readonly number[]>,
): boolean {
  return [...ends].every(([topic, offsets]) =>
    offsets.every((end, partition) => (committed.get(topic)?.[partition] ?? 0) >= end),
  );
}
