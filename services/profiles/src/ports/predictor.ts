/** Numbers by feature name. */
export type FeatureRow = Readonly<Record<string, number>>;

/** Models that segments ask. */
export interface Predictor {
  /** One score per row, in order; undefined when the model gave no answer. */
  score(model: string, rows: readonly FeatureRow[]): Promise<readonly number[] | undefined>;
  /** Why the last answer was missing; undefined when there was one. */
  failure(): string | undefined;
}
