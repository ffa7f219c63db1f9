import type { LogRecord } from '../../event-log.js';
import { firstThatFit, type LaneInput } from '../../consuming/lane.js';
import type { PartitionLog } from './partition-log.js';

/** Where a group stands in each partition. */
export interface Positions {
  get(log: PartitionLog): number;
  set(log: PartitionLog, position: number): void;
}

/** Reads a partition ahead of a lane, chunk by chunk. */
export class LogInput implements LaneInput {
  #records: readonly LogRecord[] = [];
  #at = 0;

  constructor(
    private readonly log: PartitionLog,
    private readonly positions: Positions,
  ) {}

  get topic(): string {
    return this.log.topic;
  }

  peek(maxRecords: number, maxBytes: number): readonly LogRecord[] {
    if (this.#at === this.#records.length) this.#readOn();
    if (maxRecords > 1) this.#fill(maxRecords, maxBytes);
    return firstThatFit(this.#records, this.#at, maxRecords, maxBytes);
  }

  handled(records: readonly LogRecord[]): void {
    this.#at += records.length;
    this.positions.set(this.log, (records.at(-1)?.offset ?? -1) + 1);
  }

  #readOn(): void {
    const position = Math.max(this.positions.get(this.log), this.log.first);
    this.#at = 0;
    this.#records = this.log.chunkFrom(position);
    // Compaction took everything that was left: nothing to hand out, but nothing to wait for either.
    if (this.#records.length === 0 && position < this.log.end) this.positions.set(this.log, this.log.end);
  }

  /** Until a whole batch is at hand. */
  #fill(maxRecords: number, maxBytes: number): void {
    const parts: (readonly LogRecord[])[] = [this.#at === 0 ? this.#records : this.#records.slice(this.#at)];
    let count = this.#records.length - this.#at;
    let bytes = 0;
    while (count < maxRecords && bytes < maxBytes) {
      const last = parts.at(-1)?.at(-1);
      const more = last === undefined ? [] : this.log.chunkFrom(last.offset + 1);
      if (more.length === 0) break;
      for (const record of more) bytes += record.value?.byteLength ?? 0;
      parts.push(more);
      count += more.length;
    }
    if (parts.length === 1) return;
    this.#records = parts.flat();
    this.#at = 0;
  }
}
