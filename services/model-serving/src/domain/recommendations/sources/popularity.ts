import { takeAllowed, type CandidateSource } from '../candidate-source.js';

/** What everyone turned to in the last weeks. */
export const popularity: CandidateSource = {
  name: 'popularity',
  candidates: (question, statistics) => {
    const { all, byCategory } = statistics.popular(question.nowMs);
    const ranked = question.category === '' ? all : (byCategory.get(question.category) ?? []);
    return takeAllowed(ranked, question, statistics).map(([item, score]) => ({
      item,
      score,
      reason: question.category === '' ? 'popular in the shop' : `popular in ${question.category}`,
    }));
  },
};
