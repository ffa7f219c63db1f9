import { isAllowed, type CandidateSource, type Seed } from '../candidate-source.js';

/** What other people turned to together with the items in view, or with the person's own last items. */
export const coVisitation: CandidateSource = {
  name: 'covisitation',
  candidates: (question, statistics) => {
    const found = new Map<string, { score: number; best: number; seed: Seed }>();
    for (const seed of question.seeds) {
      const neighbours = statistics.neighboursOf(seed.item, question.nowMs);
      // A seed that everyone turns to has many pairs with everything, and should not drown the others.
      const scale =
        seed.weight / Math.sqrt(Math.max(statistics.lastingOf(seed.item, question.nowMs), Number.MIN_VALUE));
      for (const [item, together] of neighbours) {
        const part = scale * together;
        const known = found.get(item);
        if (known === undefined) found.set(item, { score: part, best: part, seed });
        else {
          known.score += part;
          if (part > known.best) {
            known.best = part;
            known.seed = seed;
          }
        }
      }
    }
    const allowed = [...found].filter(([item]) => isAllowed(item, question, statistics));
    const shortlist = allowed
      .sort((a, b) => b[1].score - a[1].score || (a[0] < b[0] ? -1 : 1))
      .slice(0, shortlistFactor * question.limit);
    const ranked = shortlist
      .map(
        ([item, { score, seed }]) =>
          [item, dampened(score, statistics.lastingOf(item, question.nowMs)), seed] as const,
      )
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return ranked.slice(0, question.limit).map(([item, score, seed]) => ({
      item,
      score,
      reason:
        seed.origin === 'in_view'
          ? `often together with ${seed.item}`
          : `often together with ${seed.item}, turned to lately`,
    }));
  },
};

/** What everyone turns to comes together with everything; a part of that is taken out. */
function dampened(together: number, lasting: number): number {
  return lasting > 0 ? together / lasting ** popularityDamping : together;
}

/** Damping moves places about, but hardly from behind so many. */
const shortlistFactor = 8;

/** 0 would count pairs alone, 1 only how exclusive they are; 0 to 0.3 do equally well in bench/recommend.bench.ts. */
const popularityDamping = 0.2;
