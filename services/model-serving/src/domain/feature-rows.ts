import type { Tensor } from './datatypes.js';
import type { ScorerDescription } from './manifest.js';

/** Feature values by name; an absent one takes the manifest's default. */
export type FeatureValues = Readonly<Record<string, number>>;

/** The input of a scorer for a batch of rows. */
export function tensorOfRows(scorer: ScorerDescription, rows: readonly FeatureValues[]): Tensor {
  const width = scorer.features.length;
  const elements = new Float32Array(rows.length * width);
  let at = 0;
  for (const row of rows) {
    for (const feature of scorer.features) elements[at++] = row[feature.name] ?? feature.default;
  }
  return { name: scorer.inputTensor, datatype: 'FP32', shape: [rows.length, width], elements };
}

/** The score of each row out of what the model gave. */
export function scoresOf(scorer: ScorerDescription, outputs: readonly Tensor[], rows: number): number[] {
  const output = outputs.find(({ name }) => name === scorer.outputTensor);
  const elements = output?.elements;
  if (output === undefined || !(elements instanceof Float32Array || elements instanceof Float64Array)) {
    throw new Error(`expected numbers in the output ${scorer.outputTensor}`);
  }
  const columns = output.shape.length < 2 ? 1 : (output.shape[1] ?? 1);
  return Array.from({ length: rows }, (_, row) => elements[row * columns + scorer.outputColumn] ?? NaN);
}

/** One feature's part in a score. */
export interface Contribution {
  readonly feature: string;
  readonly value: number;
  /** Score as it is minus the score with this feature at its default. */
  readonly contribution: number;
}

/** The rows that explain a score by ablation: the row itself, then one row per feature with that feature at its default. */
export function ablationRows(scorer: ScorerDescription, row: FeatureValues): readonly FeatureValues[] {
  return [row, ...scorer.features.map((feature) => ({ ...row, [feature.name]: feature.default }))];
}

/** Contributions from the scores of `ablationRows`, the largest change first. */
export function contributionsOf(
  scorer: ScorerDescription,
  row: FeatureValues,
  scores: readonly number[],
): readonly Contribution[] {
  const score = scores[0] ?? NaN;
  return scorer.features
    .map((feature, index) => ({
      feature: feature.name,
      value: row[feature.name] ?? feature.default,
      contribution: score - (scores[index + 1] ?? NaN),
    }))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || (a.feature < b.feature ? -1 : 1));
}
