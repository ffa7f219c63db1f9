import type { UnsubscribeClaim } from '../ports/content-renderer.js';
import type { PersonReader } from '../ports/person-reader.js';
import type { RefusalBook } from '../ports/refusal-book.js';
import { unsubscribesBusy } from '../orchestrator.errors.js';

export interface UnsubscribePorts {
  readonly people: Pick<PersonReader, 'read'>;
  readonly refusals: RefusalBook;
  /** Sends the event `Unsubscribed`; resolves when it is durable. */
  readonly record: (identifiers: readonly string[], purpose: string, messageId: string) => Promise<void>;
  readonly now: () => number;
  /** The id of the event that follows from what it is about. */
  readonly eventIdOf: (about: readonly (string | number)[]) => string;
}

/** Does what an unsubscribe link says; resolves when it is durable. */
export type Unsubscribe = (claim: UnsubscribeClaim) => Promise<void>;

/** Different links that are at work at a time; who comes beyond waits a second and asks again. */
const mostAtOnce = 64;
/** Events that are remembered until the profile shows them. */
const mostRemembered = 10_000;
/** A mailbox that refused so shortly ago need not be written again. */
const sameInstantMs = 1000;

/**
 * The mailbox refuses at once, for every account that has it; the person's consent follows by an event. The event's id
 * follows from the link and the yes that it takes back, and nothing is sent where there is nothing to take back: a link
 * that is used again and again, also at the same time, gives one event, and after a new yes it stops again.
 */
export function createUnsubscribe(ports: UnsubscribePorts): Unsubscribe {
  const atWork = new Map<string, Promise<void>>();
  const sent = new Set<string>();
  const recordOnce = async ({ profileId, purpose, mailbox }: UnsubscribeClaim): Promise<void> => {
    const person = await ports.people.read(profileId);
    // Somebody who was erased: the mailbox stays.
    if (person === undefined) return;
    const chosenAtMs = person.chosenAtMs[purpose];
    if (person.consent[purpose] === false && chosenAtMs !== undefined) return;
    const messageId = ports.eventIdOf([person.profileId, purpose, mailbox, chosenAtMs ?? 0]);
    if (sent.has(messageId)) return;
    await ports.record(person.identifiers, purpose, messageId);
    sent.add(messageId);
    for (const eldest of sent) {
      if (sent.size <= mostRemembered) break;
      sent.delete(eldest);
    }
  };
  const refuse = async ({ purpose, mailbox }: UnsubscribeClaim): Promise<void> => {
    const atMs = ports.now();
    const refusedMs = (await ports.refusals.of(mailbox))[purpose];
    if (refusedMs !== undefined && refusedMs > atMs - sameInstantMs) return;
    await ports.refusals.add(mailbox, { [purpose]: atMs });
  };
  return async (claim) => {
    const key = JSON.stringify(claim);
    const other = atWork.get(key);
    if (other !== undefined) return await other;
    if (atWork.size >= mostAtOnce) throw unsubscribesBusy();
    const work = Promise.all([refuse(claim), recordOnce(claim)])
      .then(() => undefined)
      .finally(() => atWork.delete(key));
    atWork.set(key, work);
    await work;
  };
}
