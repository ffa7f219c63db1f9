// In: persons or feature rows and a model's name. Out: one score per row, in order, with the version that gave it.
// Order: none; every call stands alone. Features of persons are read at the call, so a score is as fresh as the profile.
// Failure: a person who is not known scores like someone of whom nothing is known, and `found` says so; a model that
// has no feature manifest is MODELS_NOT_A_SCORER.
import {
  ablationRows,
  contributionsOf,
  scoresOf,
  tensorOfRows,
  type Contribution,
  type FeatureValues,
} from './domain/feature-rows.js';
import type { ScorerDescription } from './domain/manifest.js';
import type { ObserveCompute } from './infer.pipeline.js';
import { modelsError } from './model-serving.errors.js';
import type { ProfileReader } from './ports/profile-reader.js';
import type { HeldVersion, ModelShelf } from './steps/model-shelf.js';

export interface Scores {
  readonly scores: readonly number[];
  readonly found: readonly boolean[];
  readonly version: string;
}

export interface Explanation {
  readonly score: number;
  readonly contributions: readonly Contribution[];
  readonly version: string;
}

/** More rows than a decision ever has; a larger job goes in pieces. */
const maxRows = 10_000;

export function createScoring(shelf: ModelShelf, profiles: ProfileReader, observe: ObserveCompute) {
  const scoreRows = async (held: HeldVersion, scorer: ScorerDescription, rows: readonly FeatureValues[]) => {
    if (rows.length === 0) return [];
    const { outputs, computeMs } = await held.run([tensorOfRows(scorer, rows)], [scorer.outputTensor]);
    observe(held.name, held.version, computeMs / 1000);
    return scoresOf(scorer, outputs, rows.length);
  };

  async function score(
    model: string,
    version: string | undefined,
    persons: readonly string[],
    rows: readonly FeatureValues[],
  ): Promise<Scores> {
    const count = persons.length > 0 ? persons.length : rows.length;
    if (count > maxRows) {
      throw modelsError(
        'MODELS_LIMIT_INVALID',
        `expected at most ${maxRows} rows in a call, got ${count}: send them in pieces`,
      );
    }
    return await shelf.using(model, version, async (held) => {
      const scorer = scorerOf(held);
      if (persons.length === 0) {
        return {
          scores: await scoreRows(held, scorer, rows),
          found: rows.map(() => true),
          version: held.version,
        };
      }
      const read = await profiles.features(
        persons,
        scorer.features.map(({ name }) => name),
      );
      const scores = await scoreRows(
        held,
        scorer,
        read.map(({ values }) => values),
      );
      return { scores, found: read.map(({ found }) => found), version: held.version };
    });
  }

  async function explain(model: string, person: string): Promise<Explanation> {
    return await shelf.using(model, undefined, async (held) => {
      const scorer = scorerOf(held);
      const [read] = await profiles.features(
        [person],
        scorer.features.map(({ name }) => name),
      );
      const row = read?.values ?? {};
      const scores = await scoreRows(held, scorer, ablationRows(scorer, row));
      return {
        score: scores[0] ?? NaN,
        contributions: contributionsOf(scorer, row, scores),
        version: held.version,
      };
    });
  }

  return { score, explain };
}

/** Scoring as its callers know it. */
export type Scoring = ReturnType<typeof createScoring>;

function scorerOf(held: HeldVersion): ScorerDescription {
  const scorer = held.loaded.manifest?.scorer;
  if (scorer === undefined) {
    throw modelsError(
      'MODELS_NOT_A_SCORER',
      `${held.name}/${held.version} has no scorer in its manifest, so nobody knows which features it takes; call it through the Open Inference Protocol`,
    );
  }
  return scorer;
}
