// In: a person as known, the tactics to choose among, an instant. Out: a Decision with a reason for every candidate.
// Order of the steps: consent, eligibility, history (suppressed), content that can be filled -> holdout -> ranking -> caps,
// best first -> content. What keeps somebody from a tactic stands before the holdout, so that both arms lose the same people.
// Concurrency: caps are reserved in one document per person by compare-and-set, so any number may decide at once.
// Failure: models and items that do not answer are done without (rung `rule`, no items); a store that does not answer
// fails the decision, and a place that was reserved for it is given back when the ledger shows that it never was made.
import type { CandidateOutcome, DecisionRecord, JsonObject } from '@rapport/contracts';
import {
  isHeldOut,
  rank,
  refusalByHistory,
  refusalByProfile,
  suppressingEvents,
  type Ranked,
} from './domain/candidates.js';
import type { Person } from './domain/person.js';
import type { Tactic } from './domain/tactics.js';
import type { CandidateScorer } from './ports/candidate-scorer.js';
import type { CapLedger, Reserved } from './ports/cap-ledger.js';
import type { ContentRenderer, Links } from './ports/content-renderer.js';
import type { ItemRecommender } from './ports/item-recommender.js';
import type { PersonReader } from './ports/person-reader.js';
import type { RefusalBook } from './ports/refusal-book.js';
import { findMailStanding, type MailStanding } from './steps/ask-mail.js';
import { draftContent, fillContent, type Draft, type Filled } from './steps/fill-content.js';
import { scoreModels, type Scores } from './steps/score-models.js';

/** One decision to make. */
export interface DecideInput {
  readonly decisionId: string;
  readonly person: Person;
  /** As asked: `type:value`. */
  readonly asked: string;
  /** Undefined for a journey's step. */
  readonly placement: string | undefined;
  readonly tactics: readonly Tactic[];
  readonly atMs: number;
  /** What the page knows: `items`, `product_id` … */
  readonly context?: JsonObject;
  readonly ignoreSegment?: boolean;
  readonly journey?: string;
  /** Shown when nothing is chosen. */
  readonly fallback?: Readonly<Record<string, string>>;
}

export interface DecidePorts {
  readonly people: PersonReader;
  readonly scorer: CandidateScorer;
  readonly recommender: ItemRecommender;
  readonly caps: CapLedger;
  readonly refusals: RefusalBook;
  readonly renderer: ContentRenderer;
  readonly links: Links;
  readonly playbookVersion: string;
  /** Told when a decision had to do without something. */
  readonly onDegraded: (part: 'model' | 'items' | 'content', cause: string) => void;
}

/** A decision that was worked out; it is made when it is in the ledger and its place under the caps has stood. */
export interface Proposal {
  readonly record: DecisionRecord;
  /** False when another process took from the same caps first: decide again, under the same id. */
  readonly stood: Promise<boolean>;
}

/** Works decisions out. Recording them is the caller's: steps/make-decision.ts. */
export type Decide = (input: DecideInput) => Promise<Proposal>;

/** The name under which fallback content is answered. */
export const fallbackTactic = 'fallback';

export function createDecide(ports: DecidePorts): Decide {
  return async (input) => {
    const left: CandidateOutcome[] = [];
    const mail = input.tactics.some(({ channelKind }) => channelKind === 'email')
      ? await findMailStanding(ports, input.person)
      : undefined;
    const drafts = await keepFillable(ports, input, await keepEligible(ports, input, mail, left), left);
    const eligible = [...drafts.keys()];
    const scores = await scoreModels(ports, input.person, eligible);
    const ranked = rank(eligible, scores.byModel);
    const { winner, stood } = await walk(ports, input, mail?.mailbox, ranked, left);
    const best = ranked[0];
    const filled =
      winner && (await fillContent(ports, input, winner.tactic, drafts.get(winner.tactic) ?? {}));
    if (filled && winner) left.push(chosenOutcome(winner, filled));
    const record = toRecord(ports, input, {
      candidates: left,
      filled,
      winner,
      scores,
      holdout: best !== undefined && isHeldOut(best.tactic, input.person.profileId),
    });
    return { record, stood };
  };
}

async function keepEligible(
  ports: DecidePorts,
  input: DecideInput,
  mail: MailStanding | undefined,
  left: CandidateOutcome[],
): Promise<readonly Tactic[]> {
  const { person, atMs } = input;
  const byProfile: Tactic[] = [];
  const question = {
    person,
    atMs,
    placement: input.placement,
    ignoreSegment: input.ignoreSegment === true,
    ...(mail === undefined ? {} : { mail }),
  };
  for (const tactic of input.tactics) {
    const refusal = refusalByProfile(tactic, question);
    if (refusal) left.push(refusal);
    else byProfile.push(tactic);
  }
  const asked = [...suppressingEvents(byProfile)];
  if (asked.length === 0) return byProfile;
  const newest = new Map<string, number>();
  await Promise.all(
    asked.map(async ([event, withinMs]) => {
      const [last] = await ports.people.events(person.profileId, event, atMs - withinMs, atMs, 1);
      if (last) newest.set(event, last.atMs);
    }),
  );
  return byProfile.filter((tactic) => {
    const refusal = refusalByHistory(tactic, newest, atMs);
    if (refusal) left.push(refusal);
    return refusal === undefined;
  });
}

/** The tactics whose content can be filled, in their order, each with what was filled already. */
async function keepFillable(
  ports: DecidePorts,
  input: DecideInput,
  eligible: readonly Tactic[],
  left: CandidateOutcome[],
): Promise<ReadonlyMap<Tactic, Draft>> {
  const drafted = await Promise.all(eligible.map(async (tactic) => draftContent(ports, input, tactic)));
  const drafts = new Map<Tactic, Draft>();
  for (const [index, tactic] of eligible.entries()) {
    const draft = drafted[index] ?? {};
    if ('outcome' in draft) left.push(draft);
    else drafts.set(tactic, draft);
  }
  return drafts;
}

/**
 * Holdout first, for every eligible candidate: both arms of its measurement are then met on the same terms, whatever
 * else is shown. The best of the others whose caps have room is chosen; what stands behind it was outranked.
 */
async function walk(
  ports: DecidePorts,
  input: DecideInput,
  mailbox: string | undefined,
  ranked: readonly Ranked[],
  left: CandidateOutcome[],
): Promise<{ readonly winner: Ranked | undefined; readonly stood: Promise<boolean> }> {
  const { person } = input;
  const contenders = ranked.filter(({ tactic, score }) => {
    if (!isHeldOut(tactic, person.profileId)) return true;
    left.push(outcome(tactic, score, 'holdout', tactic.heldOutReason));
    return false;
  });
  const { answer, stood } = await reserveFirst(ports, input, mailbox, contenders);
  const { granted, refusals } = answer;
  const winner = contenders[granted];
  const outranked = `${winner?.tactic.name ?? ''} goes first`;
  for (const [index, { tactic, score }] of contenders.entries()) {
    if (index === granted) continue;
    const behind = winner !== undefined && index > granted;
    left.push(
      behind
        ? outcome(tactic, score, 'outranked', outranked)
        : outcome(tactic, score, 'capped', refusals[index] ?? 'capped'),
    );
  }
  return { winner, stood };
}

async function reserveFirst(
  ports: DecidePorts,
  { person, decisionId, atMs }: DecideInput,
  mailbox: string | undefined,
  contenders: readonly Ranked[],
): Promise<Reserved> {
  const [first] = contenders;
  const stood = Promise.resolve(true);
  if (first === undefined) return { answer: { granted: -1, refusals: [] }, stood };
  if (first.tactic.caps.length === 0) return { answer: { granted: 0, refusals: [] }, stood };
  return await ports.caps.reserve(person.profileId, {
    id: decisionId,
    atMs,
    timezone: person.timezone,
    contenders: contenders.map(({ tactic }) => tactic),
    ...(mailbox === undefined ? {} : { mailbox }),
  });
}

const outcome = (
  { name }: Tactic,
  score: number | undefined,
  kind: CandidateOutcome['outcome'],
  reason: string,
): CandidateOutcome =>
  score === undefined
    ? { tactic: name, outcome: kind, reason }
    : { tactic: name, outcome: kind, reason, score };

function chosenOutcome(
  { tactic, score }: Ranked,
  { variant }: { readonly variant: string },
): CandidateOutcome {
  const why =
    score === undefined ? `priority ${tactic.priority}` : `score of ${tactic.definition.rankBy ?? ''}`;
  return {
    ...outcome(tactic, score, 'chosen', `in segment ${tactic.definition.segment}; first by ${why}`),
    variant,
  };
}

interface Findings {
  readonly candidates: readonly CandidateOutcome[];
  readonly filled: Filled | undefined;
  readonly winner: Ranked | undefined;
  readonly scores: Scores;
  readonly holdout: boolean;
}

function toRecord(ports: DecidePorts, input: DecideInput, findings: Findings): DecisionRecord {
  const { filled, winner, scores, holdout, candidates } = findings;
  const { fallback, journey } = input;
  const chosen = filled;
  const rung = chosen ? (winner?.score === undefined ? 'rule' : 'model') : fallback ? 'fallback' : 'none';
  return {
    decisionId: input.decisionId,
    profileId: input.person.profileId,
    person: input.asked,
    placement: input.placement ?? '',
    at: new Date(input.atMs).toISOString(),
    chosen: chosen
      ? {
          tactic: chosen.tactic,
          variant: chosen.variant,
          content: chosen.content,
          ...(chosen.items === undefined ? {} : { items: chosen.items }),
        }
      : fallbackChoice(fallback),
    candidates,
    propensity: chosen?.share ?? 1,
    holdout,
    rung,
    versions: {
      playbook: ports.playbookVersion,
      profile: input.person.version,
      ...(scores.version === undefined ? {} : { model: scores.version }),
    },
    features: scores.features,
    ...(journey === undefined ? {} : { journey }),
  };
}

/** What is shown when no tactic is chosen. */
export const fallbackChoice = (
  fallback: Readonly<Record<string, string>> | undefined,
): DecisionRecord['chosen'] =>
  fallback === undefined ? null : { tactic: fallbackTactic, variant: fallbackTactic, content: fallback };
