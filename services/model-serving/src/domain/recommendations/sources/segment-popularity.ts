import { takeAllowed, type CandidateSource } from '../candidate-source.js';

/** What people in the same segments turn to. */
export const segmentPopularity: CandidateSource = {
  name: 'segment_popularity',
  candidates: (question, statistics) => {
    const found = new Map<string, { score: number; best: number; segment: string }>();
    for (const segment of question.segments) {
      for (const [item, share] of statistics.sharesOf(segment)) {
        const known = found.get(item);
        if (known === undefined) found.set(item, { score: share, best: share, segment });
        else {
          known.score += share;
          if (share > known.best) {
            known.best = share;
            known.segment = segment;
          }
        }
      }
    }
    const ranked = [...found]
      .map(([item, { score, segment }]) => [item, score, segment] as const)
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return takeAllowed(ranked, question, statistics).map(([item, score, segment]) => ({
      item,
      score,
      reason: `popular in the segment ${segment}`,
    }));
  },
};
