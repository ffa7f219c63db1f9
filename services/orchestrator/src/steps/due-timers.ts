import type { Consumer } from '@rapport/event-log';
import { VirtualClock, type Clock } from '@rapport/kernel';

export interface DueTimersOptions {
  readonly clock: Clock;
  /** The earliest instant at which something of a partition is due. */
  readonly nextDue: (partition: number) => Promise<number | undefined>;
  /** Does what is due up to and with an instant; answers how much that was. Alone with its partition. */
  readonly fire: (partition: number, untilMs: number) => Promise<number>;
  /** Resolves when what was received up to now is no longer on its way, or has been waited for long enough. */
  readonly whenCaughtUp?: () => Promise<void>;
  readonly onFailure: (thrown: unknown) => void;
}

/** A timer can wait no longer than about 24 days; a minute also catches a clock that was set. */
const longestSleepMs = 60_000;
const afterFailureMs = 1_000;

/**
 * Fires what is due, partition by partition, at the instant it is due: no polling, only the earliest due of each
 * partition is known. In virtual time nothing fires by itself: whoever moves the clock calls `fireAll`.
 */
export class DueTimers {
  readonly #due = new Map<number, number>();
  readonly #taken = new Set<number>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #firing = new Set<Promise<unknown>>();
  #stopped = false;

  constructor(readonly options: DueTimersOptions) {}

  /** A partition is ours now. */
  async take(partition: number): Promise<void> {
    this.#due.set(partition, Infinity);
    const dueMs = await this.options.nextDue(partition);
    if (dueMs !== undefined) this.note(partition, dueMs);
    this.#taken.add(partition);
  }

  /** Whether a partition was taken and its dues are known. */
  knows(partition: number): boolean {
    return this.#taken.has(partition);
  }

  /** A partition is no longer ours. */
  drop(partition: number): void {
    clearTimeout(this.#timers.get(partition));
    this.#timers.delete(partition);
    this.#due.delete(partition);
    this.#taken.delete(partition);
  }

  /** Something of a partition is due then. */
  note(partition: number, dueMs: number): void {
    const known = this.#due.get(partition);
    if (known === undefined || known <= dueMs) return;
    this.#due.set(partition, dueMs);
    this.#schedule(partition);
  }

  /** Fires everything of our partitions that is due by the clock; answers how much that was. */
  async fireAll(): Promise<number> {
    let fired = 0;
    for (const [partition, dueMs] of this.#due) {
      if (dueMs <= this.options.clock.now()) fired += await this.#fire(partition);
    }
    return fired;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const partition of [...this.#due.keys()]) this.drop(partition);
    await Promise.allSettled(this.#firing);
  }

  #schedule(partition: number, atLeastMs = 0): void {
    const dueMs = this.#due.get(partition);
    if (this.#stopped || dueMs === undefined || dueMs === Infinity) return;
    if (this.options.clock instanceof VirtualClock) return;
    clearTimeout(this.#timers.get(partition));
    const waitMs = Math.min(Math.max(atLeastMs, dueMs - this.options.clock.now()), longestSleepMs);
    const timer = setTimeout(() => this.#wake(partition), waitMs);
    this.#timers.set(partition, timer.unref());
  }

  #wake(partition: number): void {
    const dueMs = this.#due.get(partition);
    if (dueMs === undefined) return;
    if (dueMs > this.options.clock.now()) {
      this.#schedule(partition);
      return;
    }
    const firing = this.#fire(partition, this.options.whenCaughtUp).catch((thrown: unknown) => {
      if (this.#stopped) return;
      this.options.onFailure(thrown);
      this.note(partition, dueMs);
      this.#schedule(partition, afterFailureMs);
    });
    this.#firing.add(firing);
    void firing.finally(() => this.#firing.delete(firing));
  }

  async #fire(partition: number, before?: () => Promise<void>): Promise<number> {
    const untilMs = this.options.clock.now();
    await before?.();
    if (!this.#due.has(partition)) return 0;
    // What is written while this runs notes its own due, so the slate is wiped first.
    this.#due.set(partition, Infinity);
    const fired = await this.options.fire(partition, untilMs);
    const dueMs = await this.options.nextDue(partition);
    if (dueMs !== undefined) {
      // Still due although fired: it waits for something else to happen first.
      if (dueMs <= untilMs && fired === 0) {
        this.#due.set(partition, dueMs);
        this.#schedule(partition, afterFailureMs);
      } else this.note(partition, dueMs);
    }
    return fired;
  }
}

/** Resolves when every partition of a consumer has been taken over: only then are its timers known. */
export async function takenOver(
  consumer: Consumer,
  timers: { knows(partition: number): boolean },
): Promise<void> {
  const missing = consumer.assigned().filter((partition) => !timers.knows(partition));
  await Promise.all(
    missing.map(async (partition) => consumer.exclusively(partition, () => Promise.resolve())),
  );
}
