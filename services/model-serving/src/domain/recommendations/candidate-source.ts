import type { ItemStatistics } from './item-statistics.js';

/** What a source is asked. */
export interface Question {
  readonly nowMs: number;
  /** Items in view or of late, each with its weight, the most telling first. */
  readonly seeds: readonly Seed[];
  readonly segments: readonly string[];
  /** Empty: any. */
  readonly category: string;
  /** How many may be needed at most. */
  readonly limit: number;
  readonly isExcluded: (item: string) => boolean;
}

export interface Seed {
  readonly item: string;
  readonly weight: number;
  /** In the caller's view now, or from the person's history. */
  readonly origin: 'in_view' | 'recent';
}

/** An item with why it is there, in words. */
export interface Candidate {
  readonly item: string;
  /** Comparable within one source only. */
  readonly score: number;
  readonly reason: string;
}

/** One rung of the ladder. */
export interface CandidateSource {
  readonly name: string;
  /** Best first, at most `limit`, none excluded, all of the category. */
  candidates(question: Question, statistics: ItemStatistics): readonly Candidate[];
}

/** Whether an item may be shown at all. */
export function isAllowed(item: string, question: Question, statistics: ItemStatistics): boolean {
  if (question.isExcluded(item)) return false;
  return question.category === '' || statistics.categoryOf(item) === question.category;
}

/** The first items of a ranked list that may be shown. */
export function takeAllowed<T extends readonly [string, number, ...unknown[]]>(
  ranked: Iterable<T>,
  question: Question,
  statistics: ItemStatistics,
): readonly T[] {
  const taken: T[] = [];
  for (const entry of ranked) {
    if (taken.length === question.limit) break;
    if (isAllowed(entry[0], question, statistics)) taken.push(entry);
  }
  return taken;
}
