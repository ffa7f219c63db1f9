import type { CandidateOutcome, JsonObject, JsonValue } from '@rapport/contracts';
import { addDecimals, decimalOf, type Decimal, type ProfileId } from '@rapport/kernel';
import { differenceInterval, type Arm } from './confidence-sequence.js';
import type { Tactic } from './tactics.js';

export type ArmName = 'treated' | 'holdout';

/** A goal event of a person: its id, when it happened, and what it counts, in millionths. */
export type GoalHit = readonly [messageId: string, atMs: number, micros: Decimal];

/** The first time that a person got as far as a tactic's holdout step, and what the person did after it. */
export interface Exposure {
  readonly arm: ArmName;
  readonly firstMs: number;
  /** At most 200, the earliest; those beyond count in `more`. */
  readonly hits: readonly GoalHit[];
  /** Sum of what no longer fits into `hits`, in millionths. */
  readonly more?: Decimal;
}

/** All exposures of a person: the truth that the sums of arms follow from. */
export interface PersonOutcomes {
  readonly profileId: ProfileId;
  readonly partition: number;
  readonly exposures: Readonly<Record<string, Exposure>>;
  /** Set when the profile went into another, which then has the exposures. */
  readonly mergedInto?: ProfileId;
  /** While exposures still have to be handed over: the partition of the profile that gets them. */
  readonly handoverTo?: number;
  /** What stood here could not be counted: this person is left out from now on, in both arms. */
  readonly isSetAside?: true;
}

/** Something that a person did. */
export interface GoalEvent {
  readonly event: string;
  readonly messageId: string;
  readonly atMs: number;
  readonly properties: JsonObject;
}

const maxHits = 200;
/** Outcomes are counted in millionths, as whole numbers: sums are exact whatever their order. */
const scale = 1_000_000;
const one: Decimal = scale;

/** The arm that a candidate's outcome puts a person into; undefined when it left before the holdout step. */
export function armOf(outcome: CandidateOutcome['outcome']): ArmName | undefined {
  if (outcome === 'holdout') return 'holdout';
  return outcome === 'chosen' || outcome === 'capped' || outcome === 'outranked' ? 'treated' : undefined;
}

/** Someone met a tactic's holdout step. */
export interface Meeting {
  readonly tactic: Tactic;
  readonly arm: ArmName;
  readonly atMs: number;
}

/** Counts first times only; of two, the earlier. What lies in the window that then holds stays. */
export function withMeetings(person: PersonOutcomes, meetings: readonly Meeting[]): PersonOutcomes {
  let exposures: Record<string, Exposure> | undefined;
  for (const { tactic, arm, atMs } of meetings) {
    const known = (exposures ?? person.exposures)[tactic.name];
    if (known !== undefined && known.firstMs <= atMs) continue;
    const hits = known?.hits.filter(([, hitMs]) => hitMs <= atMs + tactic.goalWithinMs) ?? [];
    exposures ??= { ...person.exposures };
    exposures[tactic.name] = { ...known, arm, firstMs: atMs, hits };
  }
  return exposures === undefined ? person : { ...person, exposures };
}

/** Adds an event to every exposure whose goal it is and whose window, (first, first + within], it lies in. */
export function withGoalEvent(
  person: PersonOutcomes,
  event: GoalEvent,
  tactics: readonly Tactic[],
): PersonOutcomes {
  let exposures = person.exposures;
  for (const tactic of tactics) {
    const known = exposures[tactic.name];
    const { goal } = tactic.definition;
    if (known === undefined || goal.event !== event.event) continue;
    if (event.atMs <= known.firstMs || event.atMs > known.firstMs + tactic.goalWithinMs) continue;
    if (known.hits.some(([messageId]) => messageId === event.messageId)) continue;
    const micros = goal.metric === 'count' ? one : microsAt(event.properties, goal.property ?? '');
    exposures = { ...exposures, [tactic.name]: withHit(known, [event.messageId, event.atMs, micros]) };
  }
  return exposures === person.exposures ? person : { ...person, exposures };
}

function withHit(exposure: Exposure, hit: GoalHit): Exposure {
  if (exposure.hits.length < maxHits) return { ...exposure, hits: [...exposure.hits, hit] };
  // Beyond the bound a hit can no longer be known again, so a repeat of it would count twice.
  return { ...exposure, more: addDecimals(exposure.more ?? 0, hit[2]) };
}

/** Nothing where there is no amount: texts are not checked at the door. */
function microsAt(properties: JsonObject, path: string): Decimal {
  let value: JsonValue | undefined = properties;
  for (const name of path.replace(/^properties\./, '').split('.')) {
    value = typeof value === 'object' && value !== null ? (value as JsonObject)[name] : undefined;
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return (typeof number === 'number' ? decimalOf(number) : undefined) ?? 0;
}

/**
 * Two people turned out to be one. Of each tactic the earlier exposure holds, with its arm, because nothing later can
 * have decided it; at the same instant the elder profile's does. What both did counts once, inside that window.
 */
export function mergeOutcomes(
  from: PersonOutcomes,
  into: PersonOutcomes,
  tactics: ReadonlyMap<string, Tactic>,
): PersonOutcomes {
  const exposures: Record<string, Exposure> = { ...into.exposures };
  for (const [name, given] of Object.entries(from.exposures)) {
    const own = exposures[name];
    if (own === undefined) {
      exposures[name] = given;
      continue;
    }
    const first = given.firstMs < own.firstMs ? given : own;
    const untilMs = first.firstMs + (tactics.get(name)?.goalWithinMs ?? Infinity);
    const hits = new Map([...own.hits, ...given.hits].map((hit) => [hit[0], hit]));
    const inside = [...hits.values()].filter(([, atMs]) => atMs > first.firstMs && atMs <= untilMs);
    const more = addDecimals(own.more ?? 0, given.more ?? 0);
    exposures[name] = {
      arm: first.arm,
      firstMs: first.firstMs,
      hits: inside.slice(0, maxHits),
      ...(more === 0 ? {} : { more }),
    };
  }
  return { ...into, exposures };
}

/** What a person did for a tactic's goal so far, in millionths. */
export const outcomeOf = (exposure: Exposure): bigint =>
  exposure.hits.reduce((sum, [, , micros]) => sum + BigInt(micros), BigInt(exposure.more ?? 0));

/** Exact sums of one arm: people, outcomes in millionths, and their squares. */
export interface ArmSums {
  readonly people: number;
  readonly sum: bigint;
  readonly squares: bigint;
}

export const noSums: ArmSums = { people: 0, sum: 0n, squares: 0n };

/** Adds (`by` 1) or takes away (`by` -1) one person. */
export function withPerson(sums: ArmSums, outcome: bigint, by: 1 | -1): ArmSums {
  const sign = BigInt(by);
  return {
    people: sums.people + by,
    sum: sums.sum + sign * outcome,
    squares: sums.squares + sign * outcome * outcome,
  };
}

export const addSums = (a: ArmSums, b: ArmSums): ArmSums => ({
  people: a.people + b.people,
  sum: a.sum + b.sum,
  squares: a.squares + b.squares,
});

/** Mean and variance, worked out in whole numbers until the last division. */
export function toArm({ people, sum, squares }: ArmSums): Arm {
  if (people === 0) return { people: 0, mean: 0, variance: 0 };
  const mean = Number(sum) / people / scale;
  const n = BigInt(people);
  const variance = people < 2 ? 0 : Number(n * squares - sum * sum) / people / (people - 1) / (scale * scale);
  return { people, mean, variance };
}

/** What can be said of a tactic. */
export interface LiftReport {
  readonly tactic: string;
  readonly title: string;
  readonly treated: { readonly people: number; readonly mean: number };
  readonly heldOut: { readonly people: number; readonly mean: number };
  /** Extra goal per person; null, with low and high, while an arm has fewer than two people. */
  readonly lift: number | null;
  /** low to high holds the true lift with 95 % at every look. */
  readonly low: number | null;
  readonly high: number | null;
  readonly target: number;
  readonly goal: { readonly event: string; readonly metric: 'count' | 'sum'; readonly within: string };
  /** In words, from the interval alone. */
  readonly verdict: string;
}

/** People per arm below which nothing is said, whatever the interval: its theory needs many. */
const enoughPeople = 30;

export function liftReport(tactic: Tactic, treatedSums: ArmSums, heldOutSums: ArmSums): LiftReport {
  const { name, title, goal } = tactic.definition;
  const treated = toArm(treatedSums);
  const heldOut = toArm(heldOutSums);
  const interval = differenceInterval(treated, heldOut);
  return {
    tactic: name,
    title,
    treated: { people: treated.people, mean: treated.mean },
    heldOut: { people: heldOut.people, mean: heldOut.mean },
    lift: interval?.difference ?? null,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    target: goal.target,
    goal: { event: goal.event, metric: goal.metric, within: goal.within },
    verdict: verdictOf(Math.min(treated.people, heldOut.people), interval, goal.target),
  };
}

function verdictOf(
  fewest: number,
  interval: { readonly low: number; readonly high: number } | undefined,
  target: number,
): string {
  if (interval === undefined || fewest < enoughPeople) {
    return `too few people yet: ${fewest} in the smaller arm, ${enoughPeople} are needed`;
  }
  if (interval.low >= target) return 'reaches its target';
  if (interval.high < 0) return 'does harm';
  if (interval.high < target) {
    return interval.low > 0 ? 'works, but stays below its target' : 'stays below its target';
  }
  return interval.low > 0 ? 'works; whether it reaches its target is not known yet' : 'not known yet';
}
