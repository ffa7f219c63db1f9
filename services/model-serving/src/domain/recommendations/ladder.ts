import type { Candidate, CandidateSource, Question } from './candidate-source.js';
import type { ItemStatistics } from './item-statistics.js';
import { coVisitation } from './sources/co-visitation.js';
import { popularity } from './sources/popularity.js';
import { segmentPopularity } from './sources/segment-popularity.js';
import { trending } from './sources/trending.js';

/**
 * The rungs, from what needs the most knowledge of a person to what needs none. A new source is one file and one line
 * here.
 */
export const candidateSources: readonly CandidateSource[] = [
  coVisitation,
  segmentPopularity,
  trending,
  popularity,
];

/** A candidate with the rung that it came from. */
export interface Recommendation extends Candidate {
  readonly source: string;
}

/** Fills the answer from the highest rung that has something, then from the next; an item keeps its highest rung. */
export function climb(
  question: Question,
  statistics: ItemStatistics,
  sources: readonly CandidateSource[] = candidateSources,
): readonly Recommendation[] {
  const chosen: Recommendation[] = [];
  const taken = new Set<string>();
  for (const source of sources) {
    if (chosen.length >= question.limit) break;
    const open: Question = {
      ...question,
      limit: question.limit - chosen.length,
      isExcluded: (item) => taken.has(item) || question.isExcluded(item),
    };
    for (const candidate of source.candidates(open, statistics)) {
      taken.add(candidate.item);
      chosen.push({ ...candidate, source: source.name });
    }
  }
  return chosen;
}
