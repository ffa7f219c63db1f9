import type { CandidateOutcome } from '@rapport/contracts';

/** The part of an answer to `POST /v1/decide` that a page acts on. */
export interface Answer {
  readonly decisionId: string;
  readonly chosen: { readonly tactic: string; readonly variant: string } | null;
  readonly candidates: readonly Pick<CandidateOutcome, 'tactic' | 'outcome' | 'score'>[];
}

/** A mail that came in: who wrote of which tactic to whom. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly tactic: string;
  readonly atMs: number;
}

/** What the shop needs to know of a tactic to respond to it and to count what it is for. */
export interface ShownTactic {
  readonly name: string;
  readonly onSite: boolean;
  readonly goal: {
    readonly event: string;
    readonly metric: 'count' | 'sum';
    readonly property?: string;
    readonly withinMs: number;
  };
}

/** Outcomes of candidates that got as far as the holdout step: those people are in the comparison. */
export const enrollingOutcomes: ReadonlySet<string> = new Set(['chosen', 'holdout', 'capped', 'outranked']);
