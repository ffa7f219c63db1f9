import type { Delivery } from '@rapport/contracts';
import { sparing } from '@rapport/kernel';
import type { CapLedger } from '../ports/cap-ledger.js';
import type { DeliveryState, DeliveryStore, StoredDelivery } from '../ports/delivery-store.js';
import type { FailureNews } from '../ports/failure-news.js';
import type { PersonReader } from '../ports/person-reader.js';

export interface FinishPorts {
  readonly store: DeliveryStore;
  readonly caps: CapLedger;
  readonly people: PersonReader;
  /** Puts a failure on the person's timeline. */
  readonly news: FailureNews;
  /** Resolves when the deliveries are durable in `deliveries.recorded.v1`. */
  readonly record: (deliveries: readonly Delivery[]) => Promise<void>;
  /** Puts a message that cannot be gone on with into `events.rejected.v1`; resolves when it is durable. */
  readonly reject: (state: DeliveryState, thrown: unknown) => Promise<void>;
}

/**
 * Does what follows from the end of messages, then takes their marks away: the place under the caps of what was not
 * sent is given back, a failure goes on the timeline, every end into `deliveries.recorded.v1`. Each part may be done
 * twice without harm, so a crash in between only repeats.
 */
export type FinishMessages = (ended: readonly StoredDelivery[]) => Promise<void>;

export function createFinishMessages(ports: FinishPorts): FinishMessages {
  const finish = async (ended: readonly StoredDelivery[]): Promise<void> => {
    for (const { state } of ended) {
      if (state.state !== 'sent' && state.message !== undefined) await giveBack(ports, state);
    }
    await ports.record(ended.map(({ state }) => toDelivery(state)));
    await ports.store.write(ended.map(unmarked));
  };
  return async (ended) =>
    sparing(ended, finish, async (one, thrown) => {
      // What can never be told stays in the store and the rejected topic alone.
      await ports.reject(one.state, thrown);
      await ports.store.write([unmarked(one)]);
    });
}

const unmarked = ({
  state: { unrecorded: _unrecorded, ...state },
  version,
}: StoredDelivery): StoredDelivery => ({
  state,
  version,
});

async function giveBack({ people, caps, news }: FinishPorts, state: DeliveryState): Promise<void> {
  const { message, profileId } = state;
  if (message === undefined) return;
  const person = await people.read(profileId);
  // A place moves along when profiles become one; a copy may have stayed behind.
  for (const holder of new Set([profileId, person?.profileId ?? profileId]))
    await caps.release(holder, message.decisionId);
  if (state.state === 'failed' && person !== undefined) await news.tell(person, { ...state, message });
}

const toDelivery = (state: DeliveryState): Delivery => ({
  messageId: state.messageId,
  profileId: state.profileId as Delivery['profileId'],
  channel: state.channel,
  outcome: state.state === 'waiting' ? 'failed' : state.state,
  detail: state.detail,
  attempts: state.attempts,
  at: new Date(state.atMs).toISOString(),
  ...(state.replays === 0 ? {} : { replay: state.replays }),
});
