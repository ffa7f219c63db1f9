// In: messages.requested.v1, one group per channel (`deliver-<channel>`), and the clock for tries after the first.
// Out: deliveries.recorded.v1, key profileId. Order: within a batch messages go out side by side.
// A message is claimed by its messageId before it is sent: a repeat of the record sends nothing.
// Failure: what may work later is tried again with growing waits from a durable timer, so no partition is held up;
// after the last try it is recorded as failed. A crash between sending and writing sends again under the same id.
import type { Delivery, RequestedMessage } from '@rapport/contracts';
import { messageOf, sparing, type Clock } from '@rapport/kernel';
import type { Channel, SendResult } from './ports/channel.js';
import type { DeliveryState, DeliveryStore, StoredDelivery } from './ports/delivery-store.js';

export interface DeliverMessagesPorts {
  readonly name: string;
  readonly channel: Channel;
  readonly store: DeliveryStore;
  /** Resolves when the deliveries are durable in `deliveries.recorded.v1`. */
  readonly record: (deliveries: readonly Delivery[]) => Promise<void>;
  /** Puts a message that cannot be gone on with into `events.rejected.v1`; resolves when it is durable. */
  readonly reject: (state: DeliveryState, thrown: unknown) => Promise<void>;
  readonly clock: Clock;
  /** Waits before the tries after the first. */
  readonly retryWaitsMs: readonly number[];
  readonly onDue: (partition: number, dueMs: number) => void;
  readonly onSent: (outcome: SendResult['outcome']) => void;
}

/** Messages of one channel that are in flight at a time, per partition. */
const sideBySide = 8;
const page = 200;

/** Delivers the messages of one channel. */
export class DeliverMessages {
  constructor(readonly ports: DeliverMessagesPorts) {}

  /** Sends what was not sent yet of a batch. */
  async deliver(partition: number, requested: readonly RequestedMessage[]): Promise<void> {
    const byId = new Map<string, RequestedMessage>();
    for (const message of requested) {
      if (message.channel === this.ports.name) byId.set(message.messageId, message);
    }
    const messages = [...byId.values()];
    if (messages.length === 0) return;
    const stored = await this.ports.store.getMany(messages.map(({ messageId }) => messageId));
    const open = messages.flatMap((message, index): StoredDelivery[] => {
      const known = stored[index];
      // `claimed` is our own doing before a crash: whether it went out is not known, so it goes again.
      if (known !== undefined && known.state.state !== 'claimed') return [];
      return [known ?? { state: this.#claim(partition, message), version: 0 }];
    });
    const fresh = open.filter(({ version }) => version === 0);
    const stood = await this.ports.store.write(fresh);
    const lost = new Set(fresh.filter((_, index) => stood[index] !== true));
    const mine = open
      .filter((one) => !lost.has(one))
      .map(({ state, version }) => ({ state, version: version === 0 ? 1 : version }));
    await this.#send(mine);
  }

  /** Tries again what is due up to and with an instant; answers how many. */
  async fireDue(partition: number, untilMs: number): Promise<number> {
    for (let tried = 0; ;) {
      const due = await this.ports.store.due(this.ports.name, partition, untilMs, page);
      if (due.length === 0) return tried;
      await this.#send(due);
      tried += due.length;
    }
  }

  /** Records what a crash left unrecorded. */
  async rerecord(partition: number): Promise<void> {
    for (;;) {
      const left = await this.ports.store.unrecorded(this.ports.name, partition, page);
      if (left.length === 0) return;
      await this.#record(left);
    }
  }

  /** What the log can never take of an end stays in the store and the rejected topic alone. */
  async #leaveUnrecorded({ state, version }: StoredDelivery, thrown: unknown): Promise<void> {
    await this.ports.reject(state, thrown);
    const { unrecorded: _unrecorded, ...rest } = state;
    await this.ports.store.write([{ state: rest, version }]);
  }

  #claim(partition: number, message: RequestedMessage): DeliveryState {
    const { messageId, profileId, channel } = message;
    const atMs = this.ports.clock.now();
    return {
      messageId,
      profileId,
      channel,
      partition,
      state: 'claimed',
      attempts: 0,
      detail: '',
      atMs,
      message,
    };
  }

  async #send(claimed: readonly StoredDelivery[]): Promise<void> {
    const after: StoredDelivery[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let one = claimed[next++]; one !== undefined; one = claimed[next++]) {
        const result = await this.#try(one.state);
        this.ports.onSent(result.outcome);
        after.push({ state: this.#after(one.state, result), version: one.version });
      }
    };
    await Promise.all(Array.from({ length: Math.min(sideBySide, claimed.length) }, worker));
    const stood = await this.ports.store.write(after);
    const written = after.flatMap(({ state, version }, index) =>
      stood[index] === true ? [{ state, version: version + 1 }] : [],
    );
    for (const { state } of written) {
      if (state.dueMs !== undefined) this.ports.onDue(state.partition, state.dueMs);
    }
    await this.#record(written.filter(({ state }) => state.unrecorded !== undefined));
  }

  async #try({ message }: DeliveryState): Promise<SendResult> {
    if (message === undefined) return { outcome: 'failed', detail: 'the message is no longer kept' };
    try {
      return await this.ports.channel.send(message);
    } catch (thrown) {
      return { outcome: 'later', detail: messageOf(thrown) };
    }
  }

  #after(before: DeliveryState, result: SendResult): DeliveryState {
    const attempts = before.attempts + 1;
    const waitMs = this.ports.retryWaitsMs[attempts - 1];
    const atMs = this.ports.clock.now();
    const { dueMs: _due, message, ...rest } = before;
    if (result.outcome === 'later' && waitMs !== undefined && message !== undefined) {
      const dueMs = atMs + waitMs;
      return { ...rest, state: 'waiting', attempts, detail: result.detail, atMs, dueMs, message };
    }
    const tries =
      result.outcome === 'later' ? `${result.detail}; given up after ${attempts} tries` : result.detail;
    return {
      ...rest,
      state: result.outcome === 'sent' ? 'sent' : 'failed',
      attempts,
      detail: tries,
      atMs,
      unrecorded: before.partition,
    };
  }

  async #record(ended: readonly StoredDelivery[]): Promise<void> {
    await sparing(
      ended,
      async (some) => this.#recordAll(some),
      async (one, thrown) => this.#leaveUnrecorded(one, thrown),
    );
  }

  async #recordAll(ended: readonly StoredDelivery[]): Promise<void> {
    await this.ports.record(ended.map(({ state }) => toDelivery(state)));
    await this.ports.store.write(
      ended.map(({ state: { unrecorded: _unrecorded, ...state }, version }) => ({ state, version })),
    );
  }
}

const toDelivery = (state: DeliveryState): Delivery => ({
  messageId: state.messageId,
  profileId: state.profileId as Delivery['profileId'],
  channel: state.channel,
  outcome: state.state === 'sent' ? 'sent' : 'failed',
  detail: state.detail,
  attempts: state.attempts,
  at: new Date(state.atMs).toISOString(),
});
