import { mapInTurns } from '@rapport/kernel';
import type { Person } from '../domain/person.js';
import { featuresOf } from '../domain/features.js';
import type { Predictor } from '../ports/predictor.js';

/**
 * Scores people for the models that segments ask, one call per model. Without an answer the last score stands;
 * without any, the prediction does not hold.
 */
export async function scorePeople(
  predictor: Predictor,
  models: readonly string[],
  people: readonly Person[],
): Promise<void> {
  const seen = people.filter((person) => person.isSeen);
  if (models.length === 0 || seen.length === 0) return;
  const rows = await mapInTurns(seen, (person) => featuresOf(person, person.asOfMs));
  for (const model of models) {
    const scores = await predictor.score(model, rows);
    for (const [index, person] of seen.entries()) {
      const score = scores?.[index];
      if (score !== undefined) person.setScore(model, score);
    }
  }
}
