/** Asks models about a person. */
export interface CandidateScorer {
  /** The score of one model on feature values, and the version that gave it. */
  score(
    model: string,
    features: Readonly<Record<string, number>>,
  ): Promise<{ readonly score: number; readonly version: string }>;
}
