import type { ShownTactic } from './answers.js';

/** What the shop knows of a tactic's effect. */
export interface TrueLift {
  readonly tactic: string;
  /** Visitors first met at the holdout step, as the shop saw it; 0 for mails, whose decisions it does not see. */
  readonly treatedPeople: number;
  readonly heldOutPeople: number;
  readonly exposures: number;
  /** Expected extra goal per treated visitor: what an unbiased report comes to on average. */
  readonly lift: number;
}

/** A visitor's first meeting with a tactic, and the expected worth of what exposures to it set off. */
interface Enrolment {
  readonly firstMs: number;
  readonly heldOut: boolean;
  readonly gains: readonly { readonly atMs: number; readonly expected: number }[];
}

interface TacticTruth {
  readonly tactic: ShownTactic;
  readonly enrolments: Map<string, Enrolment>;
  exposures: number;
}

/**
 * Keeps the account of true effects. Base behaviour ignores what is shown, so the effect of a tactic on a visitor is
 * the sum, over what its exposures set off inside the goal's window, of probability times value, less the same for
 * the tactic whose place it took. A visitor is whom the platform can know: a device, until a login says whose it is.
 * See the README for what the account leaves out.
 */
export class LiftTruth {
  readonly #truths: readonly TacticTruth[];
  readonly #byName: ReadonlyMap<string, TacticTruth>;

  constructor(tactics: readonly ShownTactic[]) {
    this.#truths = tactics.map((tactic) => ({
      tactic,
      enrolments: new Map<string, Enrolment>(),
      exposures: 0,
    }));
    this.#byName = new Map(this.#truths.map((truth) => [truth.tactic.name, truth]));
  }

  /** The first time that a visitor got as far as a tactic's holdout step; later times change nothing. */
  enrol(tactic: string, visitor: string, atMs: number, heldOut: boolean): void {
    const truth = this.#byName.get(tactic);
    if (truth === undefined || truth.enrolments.has(visitor)) return;
    truth.enrolments.set(visitor, { firstMs: atMs, heldOut, gains: [] });
  }

  /** The expected worth of what an exposure sets off at an instant; negative for what it took the place of. */
  count(tactic: string, visitor: string, atMs: number, expected: number): void {
    const truth = this.#byName.get(tactic);
    const enrolment = truth?.enrolments.get(visitor);
    if (truth === undefined || enrolment === undefined) return;
    if (expected > 0) truth.exposures++;
    // Joining can only move the window's end to an earlier instant, so what lies beyond it now never counts.
    if (atMs > enrolment.firstMs + truth.tactic.goal.withinMs) return;
    truth.enrolments.set(visitor, { ...enrolment, gains: [...enrolment.gains, { atMs, expected }] });
  }

  /** Two visitors turned out to be one: the earlier meeting holds, with its arm and its window. */
  join(visitor: string, into: string): void {
    for (const { enrolments } of this.#truths) {
      const one = enrolments.get(visitor);
      if (one === undefined) continue;
      const other = enrolments.get(into);
      enrolments.delete(visitor);
      const first = other === undefined || one.firstMs < other.firstMs ? one : other;
      enrolments.set(into, { ...first, gains: [...one.gains, ...(other?.gains ?? [])] });
    }
  }

  /**
   * The true lift of every tactic. For mails the shop sees only those who got one; `reportedTreated` then says over
   * how many treated people the gain is spread.
   */
  lifts(reportedTreated: (tactic: string) => number | undefined = () => undefined): TrueLift[] {
    return this.#truths.map(({ tactic, enrolments, exposures }) => {
      const treated = armOf(tactic, enrolments, false);
      const heldOut = armOf(tactic, enrolments, true);
      const over = tactic.onSite ? treated.people : (reportedTreated(tactic.name) ?? treated.people);
      return {
        tactic: tactic.name,
        treatedPeople: tactic.onSite ? treated.people : 0,
        heldOutPeople: heldOut.people,
        exposures,
        lift: treated.gain / Math.max(1, over) - heldOut.gain / Math.max(1, heldOut.people),
      };
    });
  }
}

function armOf(
  { goal }: ShownTactic,
  enrolments: ReadonlyMap<string, Enrolment>,
  heldOut: boolean,
): { readonly people: number; readonly gain: number } {
  const people = [...enrolments.values()].filter((enrolment) => enrolment.heldOut === heldOut);
  let gain = 0;
  for (const { firstMs, gains } of people) {
    for (const { atMs, expected } of gains)
      if (atMs > firstMs && atMs <= firstMs + goal.withinMs) gain += expected;
  }
  return { people: people.length, gain };
}
