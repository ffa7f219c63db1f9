import type { LogRecord } from '../../event-log.js';
import { firstThatFit, type LaneInput } from '../../consuming/lane.js';

/** Fetching pauses above these and goes on below a half: memory stays bounded however slow the work is. */
const fullRecords = 4_000;
const fullBytes = 8 * 1024 * 1024;

/** What was fetched of one partition of one topic and is not handled yet. */
export class BufferedInput implements LaneInput {
  #records: LogRecord[] = [];
  #at = 0;
  #bytes = 0;
  /** The offset after the last record that was fetched; what is fetched again after a rebalance is skipped. */
  fetchedUpTo: number | undefined;
  /** The offset after the last record that was handled. */
  handledUpTo: number | undefined;
  /** The offset that the group has committed, as far as this consumer knows. */
  committed: number | undefined;
  paused = false;
  #room: (() => void)[] = [];

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly onHandled: () => void,
  ) {}

  push(records: readonly LogRecord[]): void {
    for (const record of records) {
      if (this.fetchedUpTo !== undefined && record.offset < this.fetchedUpTo) continue;
      this.#records.push(record);
      this.#bytes += sizeOf(record);
      this.fetchedUpTo = record.offset + 1;
    }
  }

  get isFull(): boolean {
    return this.#records.length - this.#at > fullRecords || this.#bytes > fullBytes;
  }

  get isRoomy(): boolean {
    return this.#records.length - this.#at <= fullRecords / 2 && this.#bytes <= fullBytes / 2;
  }

  /** Resolves true when there is room again, false when it takes too long. */
  async room(withinMs: number): Promise<boolean> {
    if (!this.isFull) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      this.#room.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  peek(maxRecords: number, maxBytes: number): readonly LogRecord[] {
    return firstThatFit(this.#records, this.#at, maxRecords, maxBytes);
  }

  handled(records: readonly LogRecord[]): void {
    this.#at += records.length;
    for (const record of records) this.#bytes -= sizeOf(record);
    this.handledUpTo = (records.at(-1)?.offset ?? -1) + 1;
    if (this.#at === this.#records.length || this.#at > fullRecords) {
      this.#records = this.#records.slice(this.#at);
      this.#at = 0;
    }
    if (this.isRoomy) for (const resolve of this.#room.splice(0)) resolve();
    this.onHandled();
  }
}

const sizeOf = (record: LogRecord): number => record.key.length + (record.value?.byteLength ?? 0) + 100;
