import type { Consumer } from '@rapport/event-log';

/** The longest wait that setTimeout takes. */
const longestWaitMs = 2 ** 31 - 1;
/** How soon is looked again when timers wait for events that are on their way. */
const retryMs = 50;

export interface DueTimersOptions {
  /** Fires a page of what is due up to and at an instant; answers how many there were. */
  readonly fire: (partition: number, atMs: number) => Promise<number>;
  readonly earliestDue: (partition: number) => Promise<number | undefined>;
  readonly now: () => number;
  /** The instant up to which every event that was received has been applied. */
  readonly horizon: () => Promise<number>;
  /** False in virtual time: nothing fires but in `settle`. */
  readonly runsByItself: boolean;
  readonly onFailure: (thrown: unknown) => void;
}

/** One timer per partition, set to the earliest instant at which something is due there. */
export class DueTimers {
  readonly #dueMs = new Map<number, number>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #consumer: Consumer | undefined;

  constructor(readonly options: DueTimersOptions) {}

  start(consumer: Consumer): void {
    this.#consumer = consumer;
    for (const partition of this.#dueMs.keys()) this.#arm(partition);
  }

  async assign(partition: number): Promise<void> {
    const due = await this.options.earliestDue(partition);
    if (due !== undefined) this.note(partition, due);
  }

  revoke(partition: number): void {
    this.#dueMs.delete(partition);
    clearTimeout(this.#timers.get(partition));
    this.#timers.delete(partition);
  }

  /** Something in a partition is due then. */
  note(partition: number, dueMs: number): void {
    if (dueMs >= (this.#dueMs.get(partition) ?? Infinity)) return;
    this.#dueMs.set(partition, dueMs);
    this.#arm(partition);
  }

  /** Fires everything that is due up to and at an instant; answers for how many people. */
  async fireAll(atMs: number): Promise<number> {
    const consumer = this.#consumer;
    if (consumer === undefined) return 0;
    let fired = 0;
    for (const partition of consumer.assigned()) {
      for (let more = true; more;) {
        const count = await consumer.exclusively(partition, () => this.options.fire(partition, atMs));
        fired += count;
        more = count > 0;
      }
    }
    return fired;
  }

  stop(): void {
    for (const partition of [...this.#timers.keys()]) this.revoke(partition);
    this.#consumer = undefined;
  }

  #arm(partition: number, atLeastMs = 0): void {
    const due = this.#dueMs.get(partition);
    if (!this.options.runsByItself || this.#consumer === undefined || due === undefined) return;
    clearTimeout(this.#timers.get(partition));
    const waitMs = Math.min(Math.max(due - this.options.now(), atLeastMs), longestWaitMs);
    this.#timers.set(
      partition,
      setTimeout(() => void this.#wake(partition), waitMs),
    );
  }

  async #wake(partition: number): Promise<void> {
    try {
      const consumer = this.#consumer;
      const horizon = await this.options.horizon();
      if (consumer === undefined || !consumer.assigned().includes(partition)) return;
      if ((this.#dueMs.get(partition) ?? Infinity) <= horizon) {
        await consumer.exclusively(partition, () => this.options.fire(partition, horizon));
        this.#dueMs.delete(partition);
        await this.assign(partition);
      }
    } catch (thrown) {
      this.options.onFailure(thrown);
    }
    this.#arm(partition, retryMs);
  }
}
