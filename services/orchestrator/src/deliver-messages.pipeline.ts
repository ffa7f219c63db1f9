// In: messages.requested.v1, one group per channel (`deliver-<channel>`), and the clock for tries after the first.
// Out: deliveries.recorded.v1, key profileId. Order: none; each destination has a lane of its own (steps/delivery-lanes.ts).
// A record becomes a waiting message in the store and its position is committed; what is sent is read from the store.
// Before every try steps/still-wanted.ts is asked. Each result is written, durable, before its place in flight is free:
// a crash repeats at most what was in flight, under the same id. A message once stored is sent by no second record.
// Failure: tried again with growing waits for as long as configured, then `failed`; an operator may have it replayed.
import type { RequestedMessage } from '@rapport/contracts';
import { fitsKeys, fnv1a32, isPoison, messageOf, type Clock, type Random } from '@rapport/kernel';
import { nextTryMs } from './domain/retries.js';
import type { Channel, SendResult } from './ports/channel.js';
import type { DeliveryState, DeliveryStore, EndReason, StoredDelivery } from './ports/delivery-store.js';
import { DeliveryLanes, type Attempted } from './steps/delivery-lanes.js';
import type { FinishMessages } from './steps/finish-messages.js';
import type { StillWanted } from './steps/still-wanted.js';

export interface DeliverMessagesPorts {
  readonly name: string;
  readonly channel: Channel;
  readonly store: DeliveryStore;
  readonly stillWanted: StillWanted;
  readonly finish: FinishMessages;
  readonly clock: Clock;
  readonly random: Random;
  /** For how long a message is tried. */
  readonly retryForMs: number;
  /** Messages in flight at a time. */
  readonly atOnce: number;
  readonly onTried: (outcome: SendResult['outcome']) => void;
  readonly onEnded: (state: DeliveryState) => void;
  readonly onFailure: (thrown: unknown) => void;
}

const page = 200;
const afterFailureMs = 1_000;
/** Longer names of destinations share a lane with others: an index key has to hold them. */
const longestDestinationBytes = 255;

/** Whether a request is the one that an operator made after the message had ended. */
const isReplay = ({ state, replays }: DeliveryState, { replay = 0 }: RequestedMessage): boolean =>
  replay > replays && (state === 'failed' || state === 'cancelled');

const noMessage = { reason: 'unreadable', detail: 'its content is no longer kept' } as const;

/** Delivers the messages of one channel. */
export class DeliverMessages {
  readonly #lanes: DeliveryLanes;
  /** Ended, and what follows from it not yet done. */
  #ended: StoredDelivery[] = [];
  #finishing: Promise<void> | undefined;
  #isStopped = false;

  constructor(readonly ports: DeliverMessagesPorts) {
    this.#lanes = new DeliveryLanes({
      channel: ports.name,
      clock: ports.clock,
      store: ports.store,
      atOnce: ports.atOnce,
      attempt: async (one) => this.#attempt(one),
      onFailure: ports.onFailure,
    });
  }

  /** A partition is ours now: what a crash left unfinished is finished, what waits goes out. */
  async take(partition: number): Promise<void> {
    for (;;) {
      const left = await this.ports.store.unrecorded(this.ports.name, partition, page);
      if (left.length === 0) break;
      await this.ports.finish(left);
    }
    await this.#lanes.take(partition);
  }

  knows(partition: number): boolean {
    return this.#lanes.knows(partition);
  }

  drop(partition: number): void {
    this.#lanes.drop(partition);
  }

  /** Takes a batch in: resolves when what is new in it waits durably. */
  async deliver(partition: number, requested: readonly RequestedMessage[]): Promise<void> {
    const byId = new Map<string, RequestedMessage>();
    for (const message of requested) {
      if (message.channel === this.ports.name) byId.set(message.messageId, message);
    }
    const messages = [...byId.values()];
    if (messages.length === 0) return;
    const stored = await this.ports.store.getMany(messages.map(({ messageId }) => messageId));
    const fresh: StoredDelivery[] = [];
    for (const [index, message] of messages.entries()) {
      const known = stored[index];
      if (known !== undefined && !isReplay(known.state, message)) continue;
      // What follows from the end before must not come after the new beginning.
      const isUnfinished = known?.state.unrecorded !== undefined;
      if (isUnfinished) await this.ports.finish([known]);
      const version = known === undefined ? 0 : known.version + (isUnfinished ? 1 : 0);
      fresh.push({ state: this.#waiting(partition, message), version });
    }
    const stood = await this.ports.store.write(fresh);
    const written = fresh.filter((_, index) => stood[index] === true);
    this.#lanes.offer(written.map(({ state, version }) => ({ state, version: version + 1 })));
  }

  /** Resolves when everything due was tried and what followed is done; answers how many tries that took. */
  async settle(): Promise<number> {
    for (let tried = 0; ;) {
      const more = await this.#lanes.settle();
      tried += more;
      await this.#finishing;
      if (more === 0 && this.#finishing === undefined) return tried;
    }
  }

  /** Sends nothing more; resolves when what is in flight has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#lanes.stop();
    await this.#finishing;
  }

  #waiting(partition: number, message: RequestedMessage): DeliveryState {
    const { messageId, profileId, channel, tactic } = message;
    const atMs = this.ports.clock.now();
    const named = this.ports.channel.destinationOf(message);
    const isKey = fitsKeys(named) && Buffer.byteLength(named) <= longestDestinationBytes;
    return {
      messageId,
      profileId,
      channel,
      partition,
      tactic,
      destination: isKey ? named : `#${fnv1a32(named)}`,
      state: 'waiting',
      attempts: 0,
      detail: '',
      sinceMs: atMs,
      atMs,
      dueMs: atMs,
      message,
      replays: message.replay ?? 0,
    };
  }

  async #attempt({ state, version }: StoredDelivery): Promise<Attempted> {
    const { message } = state;
    const refusal = message === undefined ? noMessage : await this.#refusal(state, message);
    if (message === undefined || refusal !== undefined) {
      const { dueMs: _due, ...rest } = state;
      const { reason, detail } = refusal ?? noMessage;
      const end = reason === 'unreadable' ? 'failed' : 'cancelled';
      await this.#end({ ...rest, state: end, reason, detail, atMs: this.ports.clock.now() }, version);
      return { destination: 'unasked' };
    }
    const result = await this.#send(message);
    this.ports.onTried(result.outcome);
    const after = this.#after(state, message, result);
    const destination = result.outcome === 'later' ? 'unwilling' : 'willing';
    if (after.state !== 'waiting') {
      await this.#end(after, version);
      return { destination };
    }
    const [stood] = await this.ports.store.write([{ state: after, version }]);
    return stood === true && after.dueMs !== undefined
      ? { destination, dueMs: after.dueMs }
      : { destination };
  }

  /** Why it is not sent. What cannot be looked at now is asked again; what never can be must not hold up its lane. */
  async #refusal(
    { attempts, replays }: DeliveryState,
    message: RequestedMessage,
  ): Promise<{ readonly reason: EndReason; readonly detail: string } | undefined> {
    try {
      return await this.ports.stillWanted({ message, attempts, replays });
    } catch (thrown) {
      if (!isPoison(thrown)) throw thrown;
      return { reason: 'unreadable', detail: `whether it may be sent cannot be said: ${messageOf(thrown)}` };
    }
  }

  async #send(message: RequestedMessage): Promise<SendResult> {
    try {
      return await this.ports.channel.send(message);
    } catch (thrown) {
      return { outcome: 'later', detail: messageOf(thrown) };
    }
  }

  #after(before: DeliveryState, message: RequestedMessage, result: SendResult): DeliveryState {
    const attempts = before.attempts + 1;
    const atMs = this.ports.clock.now();
    const { outcome, detail } = result;
    const { dueMs: _due, message: _message, ...rest } = before;
    const after = { ...rest, attempts, detail, atMs };
    if (outcome === 'sent') return { ...after, state: 'sent' };
    if (outcome === 'failed') return { ...after, state: 'failed', reason: 'refused', message };
    const { sinceMs } = before;
    const { retryAfterMs = 0 } = result;
    const tried = { attempts, nowMs: atMs, sinceMs, forMs: this.ports.retryForMs, retryAfterMs };
    const dueMs = nextTryMs(tried, this.ports.random);
    if (dueMs !== undefined) return { ...after, state: 'waiting', dueMs, message };
    const given = `${detail}; given up after ${attempts} tries`;
    return { ...after, state: 'failed', reason: 'given_up', detail: given, message };
  }

  async #end(ended: DeliveryState, version: number): Promise<void> {
    const state = { ...ended, unrecorded: ended.partition };
    const [stood] = await this.ports.store.write([{ state, version }]);
    // Otherwise another worker took the partition over meanwhile and has said how it ended.
    if (stood !== true) return;
    this.ports.onEnded(state);
    this.#ended.push({ state, version: version + 1 });
    this.#finishSoon();
  }

  #finishSoon(): void {
    if (this.#ended.length === 0 || this.#isStopped) return;
    this.#finishing ??= this.#finish().finally(() => {
      this.#finishing = undefined;
      this.#finishSoon();
    });
  }

  /** Finishes what has ended, together what came together. What is left at the end of the process the marks tell. */
  async #finish(): Promise<void> {
    while (this.#ended.length > 0 && !this.#isStopped) {
      const some = this.#ended.splice(0, page);
      try {
        await this.ports.finish(some);
      } catch (thrown) {
        this.ports.onFailure(thrown);
        this.#ended.unshift(...some);
        await new Promise((resolve) => setTimeout(resolve, afterFailureMs));
      }
    }
  }
}
