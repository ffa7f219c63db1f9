import { RapportError } from '@rapport/kernel';
import type { ConsumeFailure, ConsumerOptions, LogRecord, RecordBatch } from '../../event-log.js';
import type { EventLoopTurns } from './event-loop-turns.js';
import type { PartitionLog } from './partition-log.js';

/** A batch ends at this many bytes of keys and values, or at the consumer's `maxBatch` records. */
const maxBatchBytes = 4 * 1024 * 1024;
const firstBackoffMs = 50;
const longestBackoffMs = 5_000;

/** Where a lane keeps how far its group has come. */
export interface LanePositions {
  get(log: PartitionLog): number;
  set(log: PartitionLog, position: number): void;
}

interface Cursor {
  readonly log: PartitionLog;
  records: readonly LogRecord[];
  at: number;
}

/**
 * The work of one partition number of one group, one piece at a time: taking over, batches, exclusive work.
 * It belongs to one consumer from start to stop.
 */
export class Lane {
  readonly #cursors: readonly Cursor[];
  readonly #exclusive: { readonly run: () => Promise<void>; readonly refuse: (error: Error) => void }[] = [];
  readonly #unsubscribe: readonly (() => void)[];
  #wake: (() => void) | undefined;
  #woken = false;
  #stopping = false;
  #ended = false;
  #backoffMs = 0;
  #backoffUntilMs = 0;
  readonly #done: Promise<void>;

  constructor(
    readonly partition: number,
    readonly options: ConsumerOptions,
    logs: readonly PartitionLog[],
    private readonly positions: LanePositions,
    private readonly turns: EventLoopTurns,
    private readonly onFailure: (failure: ConsumeFailure) => void,
  ) {
    this.#cursors = logs.map((log) => ({ log, records: [], at: 0 }));
    this.#unsubscribe = logs.map((log) => log.onAdvance(() => this.#signal()));
    this.#done = this.#run();
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Lets what is in hand end, then resolves. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#signal();
    return this.#done;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopping) return Promise.reject(notOwned(this.options.group, this.partition));
    return new Promise<T>((resolve, reject) => {
      this.#exclusive.push({ run: () => work().then(resolve, reject), refuse: reject });
      this.#signal();
    });
  }

  async #run(): Promise<void> {
    // The constructor's caller registers the lane first.
    await this.turns.next();
    if (await this.#takeOver()) await this.#work();
    for (const waiting of this.#exclusive.splice(0))
      waiting.refuse(notOwned(this.options.group, this.partition));
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#ended = true;
  }

  async #takeOver(): Promise<boolean> {
    while (!this.#stopping) {
      try {
        await this.options.onAssigned?.(this.partition);
        return true;
      } catch (thrown) {
        await this.#backOff(thrown);
        await this.#pauseForBackoff();
      }
    }
    return false;
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      const exclusive = this.#exclusive.shift();
      if (exclusive !== undefined) {
        await exclusive.run();
        continue;
      }
      if (this.#backoffUntilMs > performance.now()) {
        await this.#sleep(this.#backoffUntilMs - performance.now());
        continue;
      }
      await this.#handleOne();
    }
  }

  async #handleOne(): Promise<void> {
    try {
      const cursor = this.#cursorWithRecords();
      if (cursor === undefined) return await this.#sleep();
      await this.turns.next();
      if (this.#stopping) return;
      const records = this.#take(cursor);
      await this.options.onBatch(this.#batchOf(cursor.log, records));
      cursor.at += records.length;
      this.positions.set(cursor.log, (records.at(-1)?.offset ?? -1) + 1);
      this.#backoffMs = 0;
    } catch (thrown) {
      await this.#backOff(thrown);
    }
  }

  #batchOf(log: PartitionLog, records: readonly LogRecord[]): RecordBatch {
    return { topic: log.topic, partition: this.partition, records, owned: () => !this.#ended };
  }

  /** The first topic, in the consumer's order, that has something. */
  #cursorWithRecords(): Cursor | undefined {
    for (const cursor of this.#cursors) {
      if (cursor.at < cursor.records.length) return cursor;
      const position = Math.max(this.positions.get(cursor.log), cursor.log.first);
      if (position >= cursor.log.end) continue;
      cursor.records = cursor.log.chunkFrom(position);
      cursor.at = 0;
      if (cursor.records.length > 0) return cursor;
      // Compaction took everything that was left: nothing to hand out, but nothing to wait for either.
      this.positions.set(cursor.log, cursor.log.end);
    }
    return undefined;
  }

  #take(cursor: Cursor): readonly LogRecord[] {
    const maxBatch = this.options.maxBatch ?? 500;
    this.#fill(cursor, maxBatch);
    let bytes = 0;
    let end = cursor.at;
    while (end < cursor.records.length && end - cursor.at < maxBatch) {
      const record = cursor.records[end];
      bytes += (record?.key.length ?? 0) + (record?.value?.byteLength ?? 0);
      if (bytes > maxBatchBytes && end > cursor.at) break;
      end++;
    }
    return cursor.at === 0 && end === cursor.records.length
      ? cursor.records
      : cursor.records.slice(cursor.at, end);
  }

  /** Reads on, chunk by chunk, until a whole batch is at hand. */
  #fill(cursor: Cursor, maxBatch: number): void {
    let bytes = 0;
    while (cursor.records.length - cursor.at < maxBatch && bytes < maxBatchBytes) {
      const last = cursor.records.at(-1);
      const more = last === undefined ? [] : cursor.log.chunkFrom(last.offset + 1);
      if (more.length === 0) return;
      for (const record of more) bytes += record.value?.byteLength ?? 0;
      cursor.records = [...cursor.records.slice(cursor.at), ...more];
      cursor.at = 0;
    }
  }

  async #backOff(thrown: unknown): Promise<void> {
    this.#backoffMs = Math.min(
      longestBackoffMs,
      this.#backoffMs === 0 ? firstBackoffMs : this.#backoffMs * 2,
    );
    this.#backoffUntilMs = performance.now() + this.#backoffMs;
    this.onFailure({
      group: this.options.group,
      partition: this.partition,
      thrown,
      retryInMs: this.#backoffMs,
    });
    await this.turns.next();
  }

  async #pauseForBackoff(): Promise<void> {
    while (!this.#stopping && this.#backoffUntilMs > performance.now())
      await this.#sleep(this.#backoffUntilMs - performance.now());
  }

  #signal(): void {
    this.#woken = true;
    this.#wake?.();
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

export function notOwned(group: string, partition: number): RapportError {
  return new RapportError(
    'EVENT_LOG_PARTITION_NOT_OWNED',
    'unavailable',
    `this consumer of group ${group} does not own partition ${partition}: another member has it now, or the consumer is stopping`,
  );
}
