import type { RequestedMessage } from '@rapport/contracts';
import type { Clock } from '@rapport/kernel';
import { refusalByHistory } from '../domain/candidates.js';
import { refusalBySubscription } from '../domain/subscriptions.js';
import type { Person } from '../domain/person.js';
import type { Tactic, TacticBook } from '../domain/tactics.js';
import type { CapLedger } from '../ports/cap-ledger.js';
import type { PersonReader } from '../ports/person-reader.js';
import type { RefusalBook } from '../ports/refusal-book.js';
import type { AskMail } from './ask-mail.js';

/** Why a message is no longer wanted. */
export interface Refusal {
  readonly reason:
    'person_unknown' | 'tactic_unknown' | 'no_consent' | 'suppressed' | 'address_gone' | 'capped';
  /** In words. */
  readonly detail: string;
}

export interface StillWantedPorts {
  readonly people: PersonReader;
  readonly book: TacticBook;
  readonly caps: CapLedger;
  readonly askMail: AskMail;
  readonly refusals: Pick<RefusalBook, 'keyOf'>;
  readonly clock: Clock;
  /** Resolves when what was received up to now is in the profiles, or has been waited for long enough. */
  readonly whenCaughtUp: () => Promise<void>;
}

/** A message about to be tried. */
export interface AboutToSend {
  readonly message: RequestedMessage;
  /** Tries so far, since it was requested or replayed. */
  readonly attempts: number;
  readonly replays: number;
}

/** Whether a message may still be sent: undefined, or what became of the wish. Throws when that cannot be said now. */
export type StillWanted = (about: AboutToSend) => Promise<Refusal | undefined>;

/** A first try so soon after the decision uses the decision's own place under the caps. */
const freshForMs = 60_000;

/**
 * The one place that says whether a message may go out, asked before every try, the first included, of the profile as
 * it is then. A try long after the decision takes the person's attention at its own instant, so its place under the
 * caps moves there; where there is none any more, the message is over.
 */
export function createStillWanted(ports: StillWantedPorts): StillWanted {
  return async ({ message, attempts, replays }) => {
    const isLate =
      attempts > 0 || replays > 0 || ports.clock.now() - Date.parse(message.requestedAt) >= freshForMs;
    // What the person said before this instant counts, however busy the platform is.
    if (isLate) await ports.whenCaughtUp();
    const nowMs = ports.clock.now();
    const tactic = ports.book.byName.get(message.tactic);
    if (tactic === undefined) {
      return { reason: 'tactic_unknown', detail: `tactic ${message.tactic} is no longer in the playbook` };
    }
    const person = await ports.people.read(message.profileId);
    if (person === undefined) {
      return { reason: 'person_unknown', detail: 'the person is no longer known' };
    }
    return (
      (await refusalByPerson(ports, tactic, person, message.to)) ??
      (await refusalByEvents(ports, tactic, person, nowMs)) ??
      (isLate ? await refusalByCaps(ports, tactic, person, message, nowMs) : undefined)
    );
  };
}

async function refusalByPerson(
  { askMail }: StillWantedPorts,
  tactic: Tactic,
  person: Person,
  to: string,
): Promise<Refusal | undefined> {
  if (tactic.channelKind === 'email') return await askMail(tactic, person, to);
  const detail = refusalBySubscription(tactic, person);
  return detail === undefined ? undefined : { reason: 'no_consent', detail };
}

async function refusalByEvents(
  { people }: StillWantedPorts,
  tactic: Tactic,
  { profileId }: Person,
  nowMs: number,
): Promise<Refusal | undefined> {
  const { suppressIf } = tactic;
  if (suppressIf === undefined) return undefined;
  const { event, withinMs } = suppressIf;
  const [last] = await people.events(profileId, event, nowMs - withinMs, nowMs, 1);
  const refusal = last && refusalByHistory(tactic, new Map([[event, last.atMs]]), nowMs);
  return refusal && { reason: 'suppressed', detail: refusal.reason };
}

async function refusalByCaps(
  { caps, refusals }: StillWantedPorts,
  tactic: Tactic,
  { profileId, timezone }: Person,
  { decisionId, to }: RequestedMessage,
  atMs: number,
): Promise<Refusal | undefined> {
  if (tactic.caps.length === 0) return undefined;
  const contenders = [tactic];
  for (;;) {
    const mailbox = tactic.channelKind === 'email' ? { mailbox: refusals.keyOf(to) } : {};
    const asked = { id: decisionId, atMs, timezone, contenders, anew: true, ...mailbox };
    const { answer, stood } = await caps.reserve(profileId, asked);
    if (!(await stood)) continue;
    return answer.granted === 0
      ? undefined
      : { reason: 'capped', detail: answer.refusals[0] ?? 'a cap is full' };
  }
}
