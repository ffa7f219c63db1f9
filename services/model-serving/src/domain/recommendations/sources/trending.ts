import { takeAllowed, type CandidateSource } from '../candidate-source.js';

/** What the last day turned to more than the last month lets one expect. */
export const trending: CandidateSource = {
  name: 'trending',
  candidates: (question, statistics) => {
    const { all, byCategory } = statistics.trending(question.nowMs);
    const ranked = question.category === '' ? all : (byCategory.get(question.category) ?? []);
    return takeAllowed(ranked, question, statistics).map(([item, score]) => ({
      item,
      score,
      reason: 'far more asked for in the last day than usual',
    }));
  },
};
