import { VirtualClock, type Clock } from '@rapport/kernel';
import type { DeliveryStore, StoredDelivery } from '../ports/delivery-store.js';

export interface DeliveryLanesOptions {
  readonly channel: string;
  readonly clock: Clock;
  readonly store: Pick<DeliveryStore, 'due' | 'nextDue' | 'destinations'>;
  /** Messages in flight at a time; to one destination half of it. */
  readonly atOnce: number;
  /** One try; resolves when its result is durable. Throws when nothing can be said: then it is asked again. */
  readonly attempt: (one: StoredDelivery) => Promise<Attempted>;
  readonly onFailure: (thrown: unknown) => void;
  /** How long a lane rests after it could not be worked. Default 1 s. */
  readonly restMs?: number;
}

/** What a try says about its destination. */
export interface Attempted {
  /** willing: it answered; unwilling: it did not, or not now; unasked: it did not come to that. */
  readonly destination: 'willing' | 'unwilling' | 'unasked';
  /** When the message is due again, where it is. */
  readonly dueMs?: number;
}

/** Messages of one destination that are kept in memory; the others are in the store. */
const mostInHand = 32;
/** A timer can wait no longer than about 24 days; a minute also catches a clock that was set. */
const longestSleepMs = 60_000;
const defaultRestMs = 1_000;

/** What goes to one destination. */
class DestinationLane {
  /** By partition, the earliest due of what is not in hand. */
  readonly dues = new Map<number, number>();
  readonly hand: StoredDelivery[] = [];
  inFlight = 0;
  /** In flight at most: one at first, twice as many after each that was taken, one again after one that was not. */
  limit = 1;
  isSuspect = false;
  isReading = false;
  /** Tries that ended while the store is read: what is found may show them as they were before. */
  readonly ended = new Set<string>();
  isResting = false;
  timer: NodeJS.Timeout | undefined;

  constructor(readonly destination: string) {}

  firstDue(): number {
    return Math.min(Infinity, ...this.dues.values());
  }
}

/**
 * Takes messages out of the store and sends them, in one lane per destination, so that a destination that hangs holds
 * up only what goes to itself. A lane widens while its messages are taken and narrows to one message in flight when
 * one is not; lanes of which the last was not taken share half of the places, so the others always have the other
 * half. Memory holds a few messages of each lane; which of the rest is due when, the store knows. Retries fire by the
 * clock; in virtual time whoever moves the clock calls `settle`.
 */
export class DeliveryLanes {
  readonly #lanes = new Map<string, DestinationLane>();
  readonly #taken = new Set<number>();
  /** In hand or in flight: the store still has them as waiting. */
  readonly #known = new Set<string>();
  /** Lanes that may have something to do, in turn. */
  readonly #ready = new Set<DestinationLane>();
  readonly #working = new Set<Promise<void>>();
  readonly #idle = new Set<() => void>();
  #inFlight = 0;
  #suspects = 0;
  #tried = 0;
  #isStopped = false;

  constructor(readonly options: DeliveryLanesOptions) {}

  /** A partition is ours now: what waits in it goes out. */
  async take(partition: number): Promise<void> {
    for await (const { destination, dueMs } of this.options.store.destinations(
      this.options.channel,
      partition,
    )) {
      this.#note(this.#laneOf(destination), partition, dueMs);
    }
    this.#taken.add(partition);
    this.#pump();
  }

  /** Whether a partition was taken and its dues are known. */
  knows(partition: number): boolean {
    return this.#taken.has(partition);
  }

  /** A partition is no longer ours; what is in flight ends. */
  drop(partition: number): void {
    this.#taken.delete(partition);
    for (const lane of this.#lanes.values()) {
      lane.dues.delete(partition);
      for (const one of lane.hand.splice(0)) {
        if (one.state.partition === partition) this.#known.delete(one.state.messageId);
        else lane.hand.push(one);
      }
    }
    this.#told();
  }

  /** What is in the store by now, durable and due. */
  offer(fresh: readonly StoredDelivery[]): void {
    const nowMs = this.options.clock.now();
    for (const one of fresh) {
      const { destination, partition, messageId, dueMs = nowMs } = one.state;
      if (!this.#taken.has(partition)) continue;
      const lane = this.#laneOf(destination);
      const hasRoom = lane.hand.length < mostInHand && !lane.isReading && lane.firstDue() > nowMs;
      if (hasRoom && dueMs <= nowMs && !this.#known.has(messageId)) {
        this.#known.add(messageId);
        lane.hand.push(one);
        this.#ready.add(lane);
      } else this.#note(lane, partition, dueMs);
    }
    this.#pump();
  }

  /** Resolves when everything that is due by the clock was tried; answers how many tries that took. */
  async settle(): Promise<number> {
    const before = this.#tried;
    for (const lane of this.#lanes.values()) this.#ready.add(lane);
    this.#pump();
    while (!this.#isStopped && this.#isBusy()) {
      await new Promise<void>((resolve) => this.#idle.add(resolve));
    }
    return this.#tried - before;
  }

  /** Starts nothing more; resolves when what is in flight has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const lane of this.#lanes.values()) clearTimeout(lane.timer);
    this.#told();
    while (this.#working.size > 0) await Promise.allSettled(this.#working);
  }

  /** What one destination, and all that are suspect together, may have in flight. */
  get #share(): number {
    return Math.max(1, this.options.atOnce >> 1);
  }

  #laneOf(destination: string): DestinationLane {
    const known = this.#lanes.get(destination);
    if (known) return known;
    const lane = new DestinationLane(destination);
    this.#lanes.set(destination, lane);
    return lane;
  }

  #note(lane: DestinationLane, partition: number, dueMs: number): void {
    if (dueMs >= (lane.dues.get(partition) ?? Infinity)) return;
    lane.dues.set(partition, dueMs);
    this.#schedule(lane);
  }

  #schedule(lane: DestinationLane): void {
    clearTimeout(lane.timer);
    const waitMs = lane.firstDue() - this.options.clock.now();
    if (waitMs <= 0) this.#ready.add(lane);
    else if (waitMs < Infinity && !this.#isStopped && !(this.options.clock instanceof VirtualClock)) {
      lane.timer = setTimeout(
        () => {
          this.#schedule(lane);
          this.#pump();
        },
        Math.min(waitMs, longestSleepMs),
      ).unref();
    }
  }

  #isDue(lane: DestinationLane): boolean {
    return lane.firstDue() <= this.options.clock.now();
  }

  #isBusy(): boolean {
    if (this.#working.size > 0) return true;
    return [...this.#lanes.values()].some((lane) => lane.hand.length > 0 || this.#isDue(lane));
  }

  /** Lanes take turns, one message each, until the places are full. A lane that cannot go on leaves the ring; what it waits for puts it back. */
  #pump(): void {
    if (this.#isStopped) return;
    const { atOnce } = this.options;
    for (const lane of this.#ready) {
      if (this.#inFlight >= atOnce) return;
      this.#ready.delete(lane);
      if (lane.isResting) continue;
      if (lane.hand.length === 0 && !lane.isReading && this.#isDue(lane)) this.#work(this.#read(lane));
      if (lane.inFlight >= lane.limit) continue;
      if (lane.isSuspect && this.#suspects >= this.#share) continue;
      const one = lane.hand.shift();
      if (one === undefined) continue;
      this.#work(this.#send(lane, one));
      this.#ready.add(lane);
    }
  }

  #work(work: Promise<void>): void {
    this.#working.add(work);
    void work.finally(() => {
      this.#working.delete(work);
      this.#pump();
      this.#told();
    });
  }

  #told(): void {
    for (const tell of this.#idle) tell();
    this.#idle.clear();
  }

  async #send(lane: DestinationLane, one: StoredDelivery): Promise<void> {
    const { messageId, partition, dueMs = 0 } = one.state;
    const { isSuspect } = lane;
    lane.inFlight++;
    this.#inFlight++;
    if (isSuspect) this.#suspects++;
    try {
      const attempted = await this.options.attempt(one);
      this.#tried++;
      if (attempted.destination === 'unwilling') {
        lane.isSuspect = true;
        lane.limit = 1;
      } else if (attempted.destination === 'willing') {
        lane.isSuspect = false;
        lane.limit = Math.min(lane.limit * 2, this.#share);
      }
      if (attempted.dueMs !== undefined && this.#taken.has(partition))
        this.#note(lane, partition, attempted.dueMs);
    } catch (thrown) {
      if (this.#taken.has(partition)) this.#note(lane, partition, dueMs);
      this.#rest(lane, thrown);
    } finally {
      lane.inFlight--;
      this.#inFlight--;
      this.#known.delete(messageId);
      if (lane.isReading) lane.ended.add(messageId);
      this.#again(lane);
      if (isSuspect && this.#suspects-- === this.#share)
        for (const other of this.#lanes.values()) if (other.isSuspect) this.#again(other);
    }
  }

  #again(lane: DestinationLane): void {
    if (lane.hand.length > 0 || lane.isReading || this.#isDue(lane)) this.#ready.add(lane);
    // What is known of it, that it is slow too, is forgotten when nothing waits for it.
    else if (lane.inFlight === 0 && lane.firstDue() === Infinity) this.#lanes.delete(lane.destination);
  }

  async #read(lane: DestinationLane): Promise<void> {
    const { store, channel, clock } = this.options;
    const { destination } = lane;
    const nowMs = clock.now();
    const partitions = [...lane.dues].filter(([, dueMs]) => dueMs <= nowMs);
    lane.isReading = true;
    try {
      for (const [partition, dueMs] of partitions) {
        if (lane.hand.length >= mostInHand) break;
        const place = { channel, partition, destination };
        // What is written while this reads notes its own due, so the slate is wiped first.
        lane.dues.set(partition, Infinity);
        lane.ended.clear();
        try {
          const limit = mostInHand + lane.inFlight + lane.hand.length;
          const found = await store.due(place, nowMs, limit);
          const nextMs = found.length < limit ? await store.nextDue(place, nowMs) : nowMs;
          if (!this.#taken.has(partition)) continue;
          if (nextMs !== undefined) this.#note(lane, partition, nextMs);
          for (const one of found) {
            const { messageId } = one.state;
            if (this.#known.has(messageId) || lane.ended.has(messageId)) continue;
            this.#known.add(messageId);
            lane.hand.push(one);
          }
        } catch (thrown) {
          this.#note(lane, partition, dueMs);
          throw thrown;
        }
      }
    } catch (thrown) {
      this.#rest(lane, thrown);
    } finally {
      lane.isReading = false;
      this.#again(lane);
    }
  }

  #rest(lane: DestinationLane, thrown: unknown): void {
    this.options.onFailure(thrown);
    lane.isResting = true;
    setTimeout(() => {
      lane.isResting = false;
      this.#ready.add(lane);
      this.#pump();
      this.#told();
    }, this.options.restMs ?? defaultRestMs).unref();
  }
}
