import { isPoison, RapportError } from '@rapport/kernel';
import type { ConsumeFailure, ConsumerOptions, LogRecord, RecordBatch } from '../event-log.js';
import type { EventLoopTurns } from './event-loop-turns.js';

/** A batch ends at this many bytes of keys and values, or at the consumer's `maxBatch` records. */
export const maxBatchBytes = 4 * 1024 * 1024;
const defaultMaxBatch = 500;
const firstBackoffMs = 50;
const longestBackoffMs = 5_000;

/** What a lane takes from: one partition of one topic, in order, from where the group stands. */
export interface LaneInput {
  readonly topic: string;
  /** Up to so many records that are not handled yet, the same ones again until they are; empty when there are none. */
  peek(maxRecords: number, maxBytes: number): readonly LogRecord[];
  /** The records that were peeked at are done with. */
  handled(records: readonly LogRecord[]): void;
}

export interface LaneOptions {
  readonly partition: number;
  readonly consumer: ConsumerOptions;
  /** In the order of the consumer's topics: earlier ones go first. */
  readonly inputs: readonly LaneInput[];
  readonly turns: EventLoopTurns;
  readonly onFailure: (failure: ConsumeFailure) => void;
  /** False while the consumer may have lost the partition without knowing yet: nothing is begun then. */
  readonly mayWork: () => boolean;
  /** The lane that had the partition before in this process: its batch in hand ends first. */
  readonly after?: Promise<void>;
}

/**
 * The work of one partition number of one group, one piece at a time: taking over, batches, exclusive work.
 * It belongs to one consumer from start to stop.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #exclusive: { readonly run: () => Promise<void>; readonly refuse: (error: Error) => void }[] = [];
  #wake: (() => void) | undefined;
  #woken = false;
  #stopping = false;
  #lost = false;
  #ended = false;
  #backoffMs = 0;
  #backoffUntilMs = 0;
  /** The next batch begins no sooner. */
  #paceUntilMs = 0;
  /** Records of the next batch at most: fewer while one that cannot be handled is looked for. */
  #most = Infinity;
  /** What failed alone once already. */
  #suspect: LogRecord | undefined;
  readonly done: Promise<void>;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.done = this.#run();
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Lets what is in hand end, then resolves. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.signal();
    return this.done;
  }

  /** The partition is another's already: what is in hand ends without effect on the group's position. */
  lose(): void {
    this.#lost = true;
    void this.stop();
  }

  /** There may be something to do. */
  signal(): void {
    this.#woken = true;
    this.#wake?.();
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { consumer, partition } = this.#options;
    if (this.#stopping) return Promise.reject(notOwned(consumer.group, partition));
    return new Promise<T>((resolve, reject) => {
      this.#exclusive.push({ run: () => work().then(resolve, reject), refuse: reject });
      this.signal();
    });
  }

  async #run(): Promise<void> {
    const { after, turns, consumer, partition } = this.#options;
    await after;
    // The constructor's caller registers the lane first.
    await turns.next();
    if (await this.#takeOver()) await this.#work();
    for (const waiting of this.#exclusive.splice(0)) waiting.refuse(notOwned(consumer.group, partition));
    this.#ended = true;
  }

  async #takeOver(): Promise<boolean> {
    const { consumer, partition, mayWork } = this.#options;
    while (!this.#stopping) {
      if (!mayWork()) await this.#sleep();
      else if (!(await this.#tried(async () => consumer.onAssigned?.(partition))))
        await this.#pauseForBackoff();
      else return true;
    }
    return false;
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      if (!this.#options.mayWork()) {
        await this.#sleep();
        continue;
      }
      const exclusive = this.#exclusive.shift();
      if (exclusive !== undefined) {
        await exclusive.run();
        continue;
      }
      const restMs = Math.max(this.#backoffUntilMs, this.#paceUntilMs) - performance.now();
      if (restMs > 0) {
        await this.#sleep(restMs);
        continue;
      }
      let idle = false;
      await this.#tried(async () => (idle = !(await this.#handleOne())));
      if (idle) await this.#sleep();
    }
  }

  /** Hands out one batch; false when there was none. */
  async #handleOne(): Promise<boolean> {
    const { consumer, inputs, turns, mayWork } = this.#options;
    const maxBatch = Math.min(consumer.maxBatch ?? defaultMaxBatch, this.#most);
    const input = inputs.find((candidate) => candidate.peek(1, 1).length > 0);
    if (input === undefined) return false;
    await turns.next();
    if (this.#stopping || !mayWork()) return true;
    const records = input.peek(maxBatch, maxBatchBytes);
    if (records.length === 0) return true;
    this.#paceUntilMs = records.length < maxBatch ? performance.now() + turns.paceMs : 0;
    try {
      await consumer.onBatch(this.#batchOf(input.topic, records));
    } catch (thrown) {
      if (consumer.onPoison === undefined || !isPoison(thrown)) throw thrown;
      if (!(await this.#isRefused(records, thrown, consumer.onPoison))) return true;
    }
    if (!this.#lost) input.handled(records);
    this.#suspect = undefined;
    this.#most = records.length * 2 < (consumer.maxBatch ?? defaultMaxBatch) ? records.length * 2 : Infinity;
    return true;
  }

  /**
   * A batch failed by what is in it. It comes again in halves until the record that fails stands alone; that one is
   * tried once more and then handed over, and the records behind it go on, those of its key too.
   */
  async #isRefused(
    records: readonly LogRecord[],
    thrown: unknown,
    refuse: NonNullable<ConsumerOptions['onPoison']>,
  ): Promise<boolean> {
    const [record] = records;
    if (record === undefined || this.#stopping) return false;
    if (records.length > 1) {
      this.#most = Math.ceil(records.length / 2);
      return false;
    }
    if (this.#suspect?.offset !== record.offset || this.#suspect.topic !== record.topic) {
      this.#suspect = record;
      this.#backoffUntilMs = performance.now() + firstBackoffMs;
      return false;
    }
    await refuse(record, thrown);
    return true;
  }

  #batchOf(topic: string, records: readonly LogRecord[]): RecordBatch {
    const { partition, mayWork } = this.#options;
    return { topic, partition, records, owned: () => !this.#ended && !this.#lost && mayWork() };
  }

  /** False when it threw: that is reported, and the lane backs off. */
  async #tried(work: () => Promise<unknown>): Promise<boolean> {
    const { consumer, partition, onFailure, turns } = this.#options;
    try {
      await work();
      this.#backoffMs = 0;
      return true;
    } catch (thrown) {
      this.#backoffMs = Math.min(
        longestBackoffMs,
        this.#backoffMs === 0 ? firstBackoffMs : this.#backoffMs * 2,
      );
      this.#backoffUntilMs = performance.now() + this.#backoffMs;
      onFailure({ group: consumer.group, partition, thrown, retryInMs: this.#backoffMs });
      await turns.next();
      return false;
    }
  }

  async #pauseForBackoff(): Promise<void> {
    while (!this.#stopping && this.#backoffUntilMs > performance.now())
      await this.#sleep(this.#backoffUntilMs - performance.now());
  }

  /** Until something happens, or for so long. A signal that came since the last sleep counts. */
  async #sleep(forMs?: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = forMs === undefined ? undefined : setTimeout(resolve, Math.ceil(forMs));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}

/** As many records as fit, at least one where there is one. A list of its own: what comes in later is not in it. */
export function firstThatFit(
  records: readonly LogRecord[],
  from: number,
  maxRecords: number,
  maxBytes: number,
): readonly LogRecord[] {
  let bytes = 0;
  let end = from;
  while (end < records.length && end - from < maxRecords) {
    const record = records[end];
    bytes += (record?.key.length ?? 0) + (record?.value?.byteLength ?? 0);
    if (bytes > maxBytes && end > from) break;
    end++;
  }
  return records.slice(from, end);
}

export function notOwned(group: string, partition: number): RapportError {
  return new RapportError(
    'EVENT_LOG_PARTITION_NOT_OWNED',
    'unavailable',
    `this consumer of group ${group} does not own partition ${partition}: another member has it now, or the consumer is stopping`,
  );
}
