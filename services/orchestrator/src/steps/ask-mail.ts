import { mailboxOf } from '../domain/mail-address.js';
import type { Person } from '../domain/person.js';
import { mailboxesOf, mailReachOf, type MailReach } from '../domain/reachability.js';
import { noRefusals, refusalBySubscription, type Refusals } from '../domain/subscriptions.js';
import type { Tactic } from '../domain/tactics.js';
import type { PersonReader } from '../ports/person-reader.js';
import type { RefusalBook } from '../ports/refusal-book.js';

export interface AskMailPorts {
  readonly people: Pick<PersonReader, 'isUnlinked'>;
  readonly refusals: Pick<RefusalBook, 'keyOf' | 'of'>;
}

/** What stands between a person and mail as things are now. */
export interface MailStanding {
  readonly reach: MailReach;
  /** Key of the mailbox; absent where there is none. */
  readonly mailbox?: string;
  readonly refusals: Refusals;
}

const unlinked = 'the e-mail address was taken from this person';

/** Looks up where a person's mail goes and what that mailbox refused. */
export async function findMailStanding(ports: AskMailPorts, person: Person): Promise<MailStanding> {
  const reach = mailReachOf(person);
  if ('why' in reach) return { reach, refusals: noRefusals };
  if (await ports.people.isUnlinked(person, reach.address))
    return { reach: { why: unlinked }, refusals: noRefusals };
  const mailbox = ports.refusals.keyOf(reach.address);
  return { reach, mailbox, refusals: await ports.refusals.of(mailbox) };
}

/** Why a mail that was made for an address must not go there as things are now. */
export interface MailRefusal {
  readonly reason: 'no_consent' | 'address_gone';
  /** In words. */
  readonly detail: string;
}

/**
 * Undefined: it may go. The rules are those by which a candidate stands in a decision, and the address it was made for
 * must still be one of the person's.
 */
export type AskMail = (tactic: Tactic, person: Person, to: string) => Promise<MailRefusal | undefined>;

export function createAskMail({ people, refusals }: AskMailPorts): AskMail {
  return async (tactic, person, to) => {
    const reach = mailReachOf(person);
    if ('why' in reach) return { reason: 'address_gone', detail: reach.why };
    if (!mailboxesOf(person.identifiers, person.traits).includes(mailboxOf(to)))
      return { reason: 'address_gone', detail: 'the address is no longer one of the person’s' };
    if (await people.isUnlinked(person, to)) return { reason: 'address_gone', detail: unlinked };
    const detail = refusalBySubscription(tactic, person, await refusals.of(refusals.keyOf(to)));
    return detail === undefined ? undefined : { reason: 'no_consent', detail };
  };
}
