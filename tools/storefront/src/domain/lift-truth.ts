import type { ShownTactic } from './answers.js';

/** What the shop knows of a tactic's effect. */
export interface TrueLift {
  readonly tactic: string;
  /** People first met at the holdout step, as the shop saw it; 0 for mails, whose decisions it does not see. */
  readonly treatedPeople: number;
  readonly heldOutPeople: number;
  readonly exposures: number;
  /** Expected extra goal per treated person: what an unbiased report comes to on average. */
  readonly lift: number;
}

interface Enrolment {
  readonly firstMs: number;
  readonly heldOut: boolean;
}

class TacticTruth {
  readonly enrolments = new Map<number, Enrolment>();
  exposures = 0;
  treatedGain = 0;
  heldOutGain = 0;

  constructor(readonly tactic: ShownTactic) {}
}

/**
 * Keeps the account of true effects. Base behaviour ignores what is shown, so the effect of a tactic on a person is
 * the sum, over what its exposures set off inside the goal's window, of probability times value, less the same for
 * the tactic whose place it took. See the README for what that leaves out.
 */
export class LiftTruth {
  readonly #byName: ReadonlyMap<string, TacticTruth>;

  constructor(tactics: readonly ShownTactic[]) {
    this.#byName = new Map(tactics.map((tactic) => [tactic.name, new TacticTruth(tactic)]));
  }

  /** The first time that a person got as far as a tactic's holdout step; later times change nothing. */
  enrol(tactic: string, personIndex: number, atMs: number, heldOut: boolean): void {
    const truth = this.#byName.get(tactic);
    if (truth !== undefined && !truth.enrolments.has(personIndex))
      truth.enrolments.set(personIndex, { firstMs: atMs, heldOut });
  }

  /** The expected worth of what an exposure sets off at an instant; negative for what it took the place of. */
  count(tactic: string, personIndex: number, reactsAtMs: number, expected: number): void {
    const truth = this.#byName.get(tactic);
    const enrolment = truth?.enrolments.get(personIndex);
    if (truth === undefined || enrolment === undefined) return;
    if (expected > 0) truth.exposures++;
    if (reactsAtMs <= enrolment.firstMs || reactsAtMs > enrolment.firstMs + truth.tactic.goal.withinMs)
      return;
    if (enrolment.heldOut) truth.heldOutGain += expected;
    else truth.treatedGain += expected;
  }

  /**
   * The true lift of every tactic. For mails the shop sees only those who got one; `reportedTreated` then says over
   * how many treated people the gain is spread.
   */
  lifts(reportedTreated: (tactic: string) => number | undefined = () => undefined): TrueLift[] {
    return [...this.#byName.values()].map((truth) => {
      const heldOutPeople = [...truth.enrolments.values()].filter((enrolment) => enrolment.heldOut).length;
      const seenTreated = truth.enrolments.size - heldOutPeople;
      const treated = truth.tactic.onSite ? seenTreated : (reportedTreated(truth.tactic.name) ?? seenTreated);
      const lift =
        (treated === 0 ? 0 : truth.treatedGain / treated) -
        (heldOutPeople === 0 ? 0 : truth.heldOutGain / heldOutPeople);
      return {
        tactic: truth.tactic.name,
        treatedPeople: truth.tactic.onSite ? seenTreated : 0,
        heldOutPeople,
        exposures: truth.exposures,
        lift,
      };
    });
  }
}
