import { RapportError } from '@rapport/kernel';
import type { ConsumeFailure, Consumer, ConsumerOptions } from '../../event-log.js';
import type { EventLoopTurns } from '../../consuming/event-loop-turns.js';
import { Lane, notOwned } from '../../consuming/lane.js';
import { LogInput, type Positions } from './log-input.js';
import type { PartitionLog } from './partition-log.js';

interface Member {
  readonly options: ConsumerOptions;
  readonly onFailure: (failure: ConsumeFailure) => void;
}

interface Owned {
  readonly member: Member;
  readonly lane: Lane;
}

/** Where the group's positions are kept, and how to wait until they are durable. */
export interface GroupPositions extends Positions {
  drain(): Promise<void>;
}

/** The consumers of one group in this process. Partition n belongs to one of them; it changes hands between batches. */
export class ConsumerGroup {
  readonly #members: Member[] = [];
  readonly #owned = new Map<number, Owned>();
  readonly #progress = new Set<() => void>();

  constructor(
    readonly name: string,
    readonly topics: readonly string[],
    /** By topic in the order given, then by partition. */
    private readonly logs: readonly (readonly PartitionLog[])[],
    private readonly positions: GroupPositions,
    private readonly turns: EventLoopTurns,
  ) {}

  get isEmpty(): boolean {
    return this.#members.length === 0 && this.#owned.size === 0;
  }

  join(options: ConsumerOptions, onFailure: (failure: ConsumeFailure) => void): Consumer {
    if (
      options.topics.length !== this.topics.length ||
      options.topics.some((topic, at) => topic !== this.topics[at])
    ) {
      throw new RapportError(
        'EVENT_LOG_GROUP_TOPICS_DIFFER',
        'invalid',
        `group ${this.name} reads ${this.topics.join(', ')}; a member that reads ${options.topics.join(', ')} needs a group of its own`,
      );
    }
    const member: Member = { options, onFailure };
    this.#members.push(member);
    this.#rebalance();
    let stopped: Promise<void> | undefined;
    return {
      lag: () => Promise.resolve(this.lag()),
      exclusively: (partition, work) => {
        const owned = this.#owned.get(partition);
        return owned?.member === member
          ? owned.lane.exclusively(work)
          : Promise.reject(notOwned(this.name, partition));
      },
      assigned: () => this.#partitionsOf(member),
      caughtUp: () => (stopped === undefined ? this.#caughtUp(member) : Promise.reject(this.#stoppedError())),
      stop: () => (stopped ??= this.#leave(member)),
    };
  }

  lag(): number {
    let lag = 0;
    for (const log of this.logs.flat())
      lag += Math.max(0, log.end - Math.max(this.positions.get(log), log.first));
    return lag;
  }

  #partitionsOf(member: Member): number[] {
    return [...this.#owned]
      .filter(([, owned]) => owned.member === member && !owned.lane.stopping)
      .map(([partition]) => partition)
      .sort((a, b) => a - b);
  }

  async #leave(member: Member): Promise<void> {
    this.#members.splice(this.#members.indexOf(member), 1);
    const lanes = [...this.#owned.values()]
      .filter((owned) => owned.member === member)
      .map((owned) => owned.lane.stop());
    this.#rebalance();
    await Promise.all(lanes);
    for (const progress of this.#progress) progress();
    await this.positions.drain();
  }

  #rebalance(): void {
    const partitions = Math.max(...this.logs.map((logs) => logs.length));
    for (let partition = 0; partition < partitions; partition++) this.#settle(partition);
  }

  /** Brings one partition to the member that it belongs to: the lane of the former owner ends first. */
  #settle(partition: number): void {
    const wanted = this.#members[partition % this.#members.length];
    const owned = this.#owned.get(partition);
    if (owned !== undefined) {
      if (owned.member === wanted && !owned.lane.stopping) return;
      void owned.lane.stop().then(() => {
        if (this.#owned.get(partition) !== owned) return;
        this.#owned.delete(partition);
        owned.member.options.onRevoked?.(partition);
        this.#settle(partition);
      });
      return;
    }
    if (wanted === undefined) return;
    this.#owned.set(partition, { member: wanted, lane: this.#laneFor(partition, wanted) });
  }

  #laneFor(partition: number, member: Member): Lane {
    const logs = this.logs.flatMap((topic) => topic[partition] ?? []);
    const positions: Positions = {
      get: (log) => this.positions.get(log),
      set: (log, position) => {
        this.positions.set(log, position);
        for (const progress of this.#progress) progress();
      },
    };
    const lane = new Lane({
      partition,
      consumer: member.options,
      inputs: logs.map((log) => new LogInput(log, positions)),
      turns: this.turns,
      onFailure: member.onFailure,
      mayWork: () => true,
    });
    const unsubscribe = logs.map((log) => log.onAdvance(() => lane.signal()));
    void lane.done.then(() => unsubscribe.forEach((each) => each()));
    return lane;
  }

  #caughtUp(member: Member): Promise<void> {
    const ends = this.logs.flat().map((log) => ({ log, end: log.end }));
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const done = ends.every(({ log, end }) => Math.max(this.positions.get(log), log.first) >= end);
        const gone = !this.#members.includes(member);
        if (!done && !gone) return;
        this.#progress.delete(check);
        if (done) resolve();
        else reject(this.#stoppedError());
      };
      this.#progress.add(check);
      check();
    });
  }

  #stoppedError(): RapportError {
    return new RapportError(
      'EVENT_LOG_CONSUMER_STOPPED',
      'unavailable',
      `the consumer of group ${this.name} was stopped before it had caught up`,
    );
  }
}
