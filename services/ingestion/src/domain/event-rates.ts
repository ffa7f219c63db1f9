/** How many events who may send. */
export interface RateLimit {
  readonly perSecond: number;
  /** Events at once after a pause. */
  readonly burst: number;
}

/** Beyond so many, who was heard of longest ago begins anew. */
const maxKnown = 20_000;

/**
 * A bucket of tokens for each who sends, refilled by `perSecond` up to `burst`. A request goes through while there is
 * a token left, and takes one for each of its events, also ones that are not there yet: so no batch is too large ever
 * to go through, and the rate holds over time.
 */
export class EventRates {
  /** When the bucket of each will be full again; who is not here has a full one. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(private readonly limit: RateLimit) {}

  /** Milliseconds until a request may go through; 0 when it may now. */
  waitMs(who: string, nowMs: number): number {
    const emptyMs = (this.limit.burst / this.limit.perSecond) * 1000;
    return Math.max(0, (this.#fullAtMs.get(who) ?? nowMs) - nowMs - emptyMs + 1000 / this.limit.perSecond);
  }

  /** Takes the tokens of a request; answers how many milliseconds it has to wait instead, 0 when they were taken. */
  take(who: string, events: number, nowMs: number): number {
    const waitMs = this.waitMs(who, nowMs);
    if (waitMs > 0) return waitMs;
    const fullAtMs =
      Math.max(this.#fullAtMs.get(who) ?? nowMs, nowMs) + (events * 1000) / this.limit.perSecond;
    // Taken out and put in again: the first of the map is who was heard of longest ago.
    this.#fullAtMs.delete(who);
    this.#fullAtMs.set(who, fullAtMs);
    this.#forget(nowMs);
    return 0;
  }

  get known(): number {
    return this.#fullAtMs.size;
  }

  #forget(nowMs: number): void {
    for (const [who, fullAtMs] of this.#fullAtMs) {
      if (fullAtMs > nowMs && this.#fullAtMs.size <= maxKnown) return;
      this.#fullAtMs.delete(who);
    }
  }
}
