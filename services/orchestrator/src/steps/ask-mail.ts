import type { Person } from '../domain/person.js';
import { mailReachOf, type MailReach } from '../domain/reachability.js';
import { refusalBySubscription } from '../domain/subscriptions.js';
import type { Tactic } from '../domain/tactics.js';
import type { RefusalBook } from '../ports/refusal-book.js';

/** Where a tactic's mail to a person goes as things stand now, or why it must not go. */
export type AskMail = (tactic: Tactic, person: Person) => Promise<MailReach>;

/** The same rules that let a candidate stand in a decision, for asking again before a mail goes out. */
export function createAskMail(refusals: RefusalBook): AskMail {
  return async (tactic, person) => {
    const reach = mailReachOf(person);
    if ('why' in reach) return reach;
    const why = refusalBySubscription(tactic, person, await refusals.of(refusals.keyOf(reach.address)));
    return why === undefined ? reach : { why };
  };
}
