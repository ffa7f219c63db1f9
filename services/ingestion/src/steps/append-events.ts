import type { EventSink, SinkRecord } from '../ports/event-sink.js';

/** Waits for its records to be durable. */
export interface Appending {
  durable(): void;
  failed(cause: unknown): void;
}

interface Group {
  readonly accepted: SinkRecord[];
  readonly rejected: SinkRecord[];
  readonly waiting: Appending[];
  startedMs: number;
}

const newGroup = (): Group => ({ accepted: [], rejected: [], waiting: [], startedMs: 0 });

/**
 * Appends the events of many requests in one go: what comes in during one turn of the event loop, or while enough
 * appends are on their way, goes together. So the log flushes once for all of them, and there is one promise for all.
 */
export class AppendQueue {
  #open = newGroup();
  #scheduled = false;
  readonly #inFlight = new Set<Group>();
  readonly #idle: (() => void)[] = [];

  constructor(
    private readonly sink: EventSink,
    /** Appends on their way at once; more make smaller groups. */
    private readonly maxInFlight: number,
    private readonly monotonicMs: () => number,
  ) {}

  /** Adds a request's records; `appending` hears when they are durable. */
  add(accepted: readonly SinkRecord[], rejected: readonly SinkRecord[], appending: Appending): void {
    const group = this.#open;
    for (const record of accepted) group.accepted.push(record);
    for (const record of rejected) group.rejected.push(record);
    group.waiting.push(appending);
    if (!this.#scheduled && this.#inFlight.size < this.maxInFlight) this.#schedule();
  }

  /** For how long the oldest append has been on its way: the sign of a log that falls behind. */
  oldestMs(): number {
    for (const group of this.#inFlight) return this.monotonicMs() - group.startedMs;
    return 0;
  }

  /** Resolves when everything added before is durable or has failed. */
  async idle(): Promise<void> {
    if (this.#inFlight.size === 0 && this.#open.waiting.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const group = this.#open;
    if (group.waiting.length === 0) return;
    this.#open = newGroup();
    group.startedMs = this.monotonicMs();
    this.#inFlight.add(group);
    this.sink.append(group.accepted, group.rejected).then(
      () => this.#end(group, undefined),
      (cause: unknown) => this.#end(group, { cause }),
    );
  };

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  #end(group: Group, failure: { cause: unknown } | undefined): void {
    this.#inFlight.delete(group);
    for (const appending of group.waiting) {
      if (failure === undefined) appending.durable();
      else appending.failed(failure.cause);
    }
    // Whatever still points at the group, a promise of the log's say, must not keep finished requests with it.
    group.waiting.length = 0;
    group.accepted.length = 0;
    group.rejected.length = 0;
    if (this.#open.waiting.length > 0 && !this.#scheduled) this.#schedule();
    else if (this.#inFlight.size === 0 && this.#open.waiting.length === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }
}
