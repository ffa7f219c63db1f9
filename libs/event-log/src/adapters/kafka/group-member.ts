import type { EachBatchPayload, Kafka, OffsetsByTopicPartition } from 'kafkajs';
import { RapportError } from '@rapport/kernel';
import type { Admission, ConsumeFailure, Consumer, ConsumerOptions } from '../../event-log.js';
import { Lane, notOwned } from '../../consuming/lane.js';
import type { EventLoopTurns } from '../../consuming/event-loop-turns.js';
import { BufferedInput } from './buffered-input.js';
import { GroupMembership, type GroupTiming } from './group-membership.js';
import { logRecordOf } from './kafka-records.js';

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

/** A lane that is full is waited for so long before its partition is paused: pausing costs a fetch. */
const roomWaitMs = 100;
const commitRetryMs = 100;
const committedPollMs = 100;

/**
 * One member of a consumer group and its work. Fetching and heartbeats go on by themselves; what is fetched waits in
 * lanes, one per partition number, so slow or failing work neither ends the session nor holds up other partitions.
 * Offsets are committed behind the work, and only for partitions that are owned in the generation that the commit names.
 */
export class GroupMember implements Consumer {
  readonly #options: GroupMemberOptions;
  readonly #membership: GroupMembership;
  readonly #lanes = new Map<number, Lane>();
  readonly #ending = new Map<number, Promise<void>>();
  readonly #inputs = new Map<string, BufferedInput>();
  readonly #progress = new Set<() => void>();
  /** Resolves when every partition of the first assignment has been taken over. */
  readonly admitted: Promise<Admission>;
  #admit: (admission: Admission) => void = () => undefined;
  /** Undefined before the first join; then how many partitions of it are still to be taken over. */
  #toTakeOver: number | undefined;
  #commit: ((offsets: OffsetsByTopicPartition) => Promise<void>) | undefined;
  #committing: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.admitted = new Promise((resolve) => (this.#admit = resolve));
    this.#membership = new GroupMembership({
      kafka: options.kafka,
      group: options.consumer.group,
      topics: options.consumer.topics,
      timing: options.timing,
      owned: () => [...this.#lanes.keys()],
      expelFormer: options.expelFormer,
      onFailure: options.onFailure,
      onFetched: (payload) => this.#take(payload),
      onJoin: (partitions, continued) => this.#onJoin(partitions, continued),
      onProven: () => {
        // Also what was handled before there was doubt: nobody else commits it while nothing new comes.
        this.#scheduleCommit();
        this.#signalAll();
      },
      isStopped: () => this.#stopped !== undefined,
    });
  }

  async start(): Promise<void> {
    await this.#membership.start();
    if (this.#stopped !== undefined) throw this.#stoppedError();
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
    return this.#membership.isMember() ? [...this.#lanes.keys()].sort((a, b) => a - b) : [];
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
    for (
      let attempt = 0;
      attempt < 20 && this.#membership.isMember() && this.#uncommitted().length > 0;
      attempt++
    )
      await (this.#committing ?? this.#commitOnce());
    this.#membership.leave();
    for (const partition of this.#lanes.keys()) this.#options.consumer.onRevoked?.(partition);
    this.#lanes.clear();
    this.#wakeWaiting();
    await this.#membership.disconnect();
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
      this.#membership.pause([{ topic, partitions: [partition] }]);
    }
  }

  /** A new generation: lanes of partitions that stay go on, others end or begin. */
  #onJoin(mine: ReadonlySet<number>, continued: boolean): void {
    for (const partition of [...this.#lanes.keys()])
      if (!continued || !mine.has(partition)) this.#lose(partition);
    if (this.#stopped !== undefined) return;
    for (const partition of mine) {
      if (this.#lanes.has(partition)) this.#goOn(partition);
      else this.#begin(partition);
    }
    if (this.#toTakeOver === undefined) {
      this.#toTakeOver = mine.size + 1;
      this.#tookOver();
    }
    this.#signalAll();
    this.#scheduleCommit();
    this.#wakeWaiting();
  }

  #tookOver(): void {
    if (this.#toTakeOver === undefined || this.#toTakeOver === 0) return;
    this.#toTakeOver--;
    if (this.#toTakeOver > 0) return;
    const { askedAtMs, joinedAtMs } = this.#membership;
    this.#admit({ group: this.#options.consumer.group, askedAtMs, joinedAtMs });
  }

  #begin(partition: number): void {
    const { consumer, turns, onFailure } = this.#options;
    const inputs = consumer.topics.map(
      (topic) => new BufferedInput(topic, partition, () => this.#onHandled(topic, partition)),
    );
    for (const input of inputs) {
      this.#inputs.set(nameOf(input.topic, partition), input);
      // Left from a time when the partition was ours before.
      this.#membership.resume([{ topic: input.topic, partitions: [partition] }]);
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
        mayWork: () => this.#membership.isMember(),
        ...(after === undefined ? {} : { after }),
      }),
    );
  }

  /** The client forgets where it was fetching and would begin at the committed offsets again. */
  #goOn(partition: number): void {
    for (const topic of this.#options.consumer.topics) {
      const fetchedUpTo = this.#inputs.get(nameOf(topic, partition))?.fetchedUpTo;
      if (fetchedUpTo !== undefined) this.#membership.seek({ topic, partition, offset: String(fetchedUpTo) });
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

  #signalAll(): void {
    for (const lane of this.#lanes.values()) lane.signal();
  }

  #onHandled(topic: string, partition: number): void {
    const input = this.#inputs.get(nameOf(topic, partition));
    if (input?.paused === true && input.isRoomy) {
      input.paused = false;
      this.#membership.resume([{ topic, partitions: [partition] }]);
    }
    this.#scheduleCommit();
  }

  #scheduleCommit(): void {
    this.#committing ??= this.#commitWhileNeeded().finally(() => {
      this.#committing = undefined;
      // Handled between the last look and now.
      if (this.#canCommit()) this.#scheduleCommit();
    });
  }

  #canCommit(): boolean {
    return this.#uncommitted().length > 0 && this.#membership.isMember();
  }

  async #commitWhileNeeded(): Promise<void> {
    // Everything that is handled in this turn goes into one request.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#canCommit()) {
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
      this.#membership.isMember() &&
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
      const wake = (): void => {
        clearTimeout(timer);
        this.#progress.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, committedPollMs);
      this.#progress.add(wake);
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
