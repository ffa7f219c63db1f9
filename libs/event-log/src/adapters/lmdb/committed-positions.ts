import type { Database } from 'lmdb';
import type { PartitionLog } from './partition-log.js';

/** A position is written with the next append, or after this long when there is none. */
const writeAfterMs = 200;

/**
 * How far each group has come. Known in memory at once, on disk a little later and never ahead of what was handled:
 * after a crash the newest batches are delivered again.
 */
export class CommittedPositions {
  readonly #stored: Database<number, [string, string, number]>;
  readonly #known = new Map<string, Map<PartitionLog, number>>();
  #changed = new Map<string, Set<PartitionLog>>();
  #timer: NodeJS.Timeout | undefined;
  readonly #write: () => void;

  /** `write` causes a transaction that calls `put`. */
  constructor(stored: Database<number, [string, string, number]>, write: () => void) {
    this.#stored = stored;
    this.#write = write;
  }

  get(group: string, log: PartitionLog): number {
    const known = this.#of(group);
    let position = known.get(log);
    if (position === undefined)
      known.set(log, (position = this.#stored.get([group, log.topic, log.partition]) ?? 0));
    return position;
  }

  set(group: string, log: PartitionLog, position: number): void {
    this.#of(group).set(log, position);
    let changed = this.#changed.get(group);
    if (changed === undefined) this.#changed.set(group, (changed = new Set()));
    changed.add(log);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#changed.size > 0) this.#write();
    }, writeAfterMs).unref();
  }

  /** Puts what has changed into the transaction that is being gathered. */
  put(): void {
    for (const [group, logs] of this.#changed) {
      for (const log of logs) void this.#stored.put([group, log.topic, log.partition], this.get(group, log));
    }
    this.#changed = new Map();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #of(group: string): Map<PartitionLog, number> {
    let known = this.#known.get(group);
    if (known === undefined) this.#known.set(group, (known = new Map<PartitionLog, number>()));
    return known;
  }
}
