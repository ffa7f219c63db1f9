import type { Person } from '../domain/person.js';
import { mailReachOf, type MailReach } from '../domain/reachability.js';
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

/** Looks up where a person's mail goes and what that mailbox refused. */
export async function findMailStanding(ports: AskMailPorts, person: Person): Promise<MailStanding> {
  const reach = mailReachOf(person);
  if ('why' in reach) return { reach, refusals: noRefusals };
  if (await ports.people.isUnlinked(person, reach.address)) {
    return { reach: { why: 'the e-mail address was taken from this person' }, refusals: noRefusals };
  }
  const mailbox = ports.refusals.keyOf(reach.address);
  return { reach, mailbox, refusals: await ports.refusals.of(mailbox) };
}

/** Where a tactic's mail to a person goes as things stand now, or why it must not go. */
export type AskMail = (tactic: Tactic, person: Person) => Promise<MailReach>;

/** The same rules that let a candidate stand in a decision, for asking again before a mail goes out. */
export function createAskMail(ports: AskMailPorts): AskMail {
  return async (tactic, person) => {
    const { reach, refusals } = await findMailStanding(ports, person);
    if ('why' in reach) return reach;
    const why = refusalBySubscription(tactic, person, refusals);
    return why === undefined ? reach : { why };
  };
}
