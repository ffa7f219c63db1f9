import { modelsProto } from '@rapport/contracts';
import type { Calls } from '@rapport/service-host';
import type { CandidateScorer } from '../ports/candidate-scorer.js';

/** Scores from ModelsService, on feature values that the decision keeps. */
export function createModelsCandidateScorer(calls: Calls): CandidateScorer {
  const models = calls.to<modelsProto.ModelsService>(modelsProto.ModelsServiceDefinition);
  return {
    score: async (model, features) => {
      const answer = await models.score({
        model,
        version: '',
        persons: [],
        rows: [{ values: { ...features } }],
      });
      const [score] = answer.scores;
      if (score === undefined) throw new Error(`model ${model} answered no score`);
      return { score, version: answer.version };
    },
  };
}
