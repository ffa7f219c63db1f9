import { bucketOf } from '@rapport/kernel';
import type { CandidateOutcome } from '@rapport/contracts';
import type { VariantDefinition } from '@rapport/playbook';
import type { Person } from './person.js';
import { mailReachOf, type MailReach } from './reachability.js';
import { refusalBySubscription, type Refusals } from './subscriptions.js';
import { byRule, type Tactic } from './tactics.js';

/** What is asked of every candidate of one decision. */
export interface Question {
  readonly person: Person;
  readonly atMs: number;
  /** Where the answer is shown; undefined for a journey's step, which no placement asks for. */
  readonly placement: string | undefined;
  /** A journey's step may go on when the segment no longer holds. */
  readonly ignoreSegment?: boolean;
  /** Looked up where a tactic goes by mail: where it would go, and what that mailbox refused. */
  readonly mail?: { readonly reach: MailReach; readonly refusals: Refusals };
}

const left = (tactic: Tactic, outcome: CandidateOutcome['outcome'], reason: string): CandidateOutcome => ({
  tactic: tactic.name,
  outcome,
  reason,
});

/** Consent, then everything of eligibility that the profile alone can tell. Undefined: the candidate stays. */
export function refusalByProfile(tactic: Tactic, question: Question): CandidateOutcome | undefined {
  const { person, atMs, placement } = question;
  const { segment } = tactic.definition;
  const refused = refusalBySubscription(tactic, person, question.mail?.refusals);
  if (refused !== undefined) return left(tactic, 'no_consent', refused);
  if (tactic.definition.placement !== placement) {
    const place = tactic.definition.placement;
    return left(
      tactic,
      'not_eligible',
      place === undefined ? 'is sent by a journey, not shown' : `belongs to placement ${place}`,
    );
  }
  if (!person.segments.has(segment) && question.ignoreSegment !== true) {
    return left(tactic, 'not_eligible', `not in segment ${segment}`);
  }
  if (atMs < tactic.fromMs || atMs >= tactic.toMs) {
    const { from, to } = tactic.definition.schedule ?? {};
    return left(tactic, 'not_eligible', `outside its schedule (${from ?? '…'} to ${to ?? '…'})`);
  }
  if (tactic.channelKind === 'email') {
    const reach = question.mail?.reach ?? mailReachOf(person);
    if ('why' in reach) return left(tactic, 'not_eligible', reach.why);
  }
  return undefined;
}

/** The newest time, up to the decision, at which the person did an event; undefined where it was not in the time looked at. */
export type NewestByEvent = ReadonlyMap<string, number>;

/** The events that decide over suppression, each with the longest time back that is asked for. */
export function suppressingEvents(tactics: readonly Tactic[]): ReadonlyMap<string, number> {
  const longest = new Map<string, number>();
  for (const { suppressIf } of tactics) {
    if (suppressIf === undefined) continue;
    longest.set(suppressIf.event, Math.max(longest.get(suppressIf.event) ?? 0, suppressIf.withinMs));
  }
  return longest;
}

/** Leaves when the person did the suppressing event lately (bought already, say). An event counts in [its time, its time + within). */
export function refusalByHistory(
  tactic: Tactic,
  newest: NewestByEvent,
  atMs: number,
): CandidateOutcome | undefined {
  const { suppressIf } = tactic;
  if (suppressIf === undefined) return undefined;
  const last = newest.get(suppressIf.event);
  if (last === undefined || atMs - last >= suppressIf.withinMs) return undefined;
  const within = tactic.definition.suppressIf?.within ?? '';
  return left(
    tactic,
    'suppressed',
    `${suppressIf.event} at ${new Date(last).toISOString()}, less than ${within} ago`,
  );
}

/** Whether a tactic is withheld from a person: always the same answer for the same two. */
export function isHeldOut(tactic: Tactic, profileId: string): boolean {
  return bucketOf(`holdout:${tactic.name}`, profileId) < tactic.holdout;
}

/** The variant that a person always gets of a tactic, by weight, and how likely it was. */
export function variantFor(
  tactic: Tactic,
  profileId: string,
): { readonly variant: VariantDefinition; readonly share: number } {
  const bucket = bucketOf(`variant:${tactic.name}`, profileId);
  let upTo = 0;
  for (const one of tactic.variants) {
    upTo += one.share;
    if (bucket < upTo) return one;
  }
  const last = tactic.variants.at(-1);
  if (last === undefined)
    throw new Error(`tactic ${tactic.name} has no variant; the playbook check asks for one`);
  return last;
}

/** A candidate that may be chosen, with what it is ranked by. */
export interface Ranked {
  readonly tactic: Tactic;
  readonly score?: number;
}

/**
 * Best first: higher model score, then higher priority, then name. A tactic that no model speaks for counts as score 0,
 * below every probability: a model's word goes before a rule's.
 */
export function rank(tactics: readonly Tactic[], scores: ReadonlyMap<string, number>): readonly Ranked[] {
  // Mostly in order already, as the book has them: the sort has little to do then, and what follows is stable.
  const ranked = [...tactics].sort(byRule).map((tactic): Ranked => {
    const { rankBy } = tactic.definition;
    const score = rankBy === undefined ? undefined : scores.get(rankBy);
    return score === undefined ? { tactic } : { tactic, score };
  });
  return scores.size === 0 ? ranked : ranked.sort((a, b) => (b.score ?? 0) - (a.score ?? 0));
}
