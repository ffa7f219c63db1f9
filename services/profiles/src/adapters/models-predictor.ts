import type { modelsProto } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import type { FeatureRow, Predictor } from '../ports/predictor.js';

/** After an answer did not come, the model is left alone for this long: events do not wait for it. */
const pauseMs = 1_000;

/** Asks model-serving. */
export class ModelsPredictor implements Predictor {
  #failure: string | undefined;
  #silentUntilMs = 0;

  constructor(
    private readonly models: Pick<modelsProto.ModelsService, 'score'>,
    private readonly monotonicMs: () => number,
    private readonly onFailure: (model: string, cause: string) => void,
  ) {}

  failure(): string | undefined {
    return this.#failure;
  }

  async score(model: string, rows: readonly FeatureRow[]): Promise<readonly number[] | undefined> {
    if (this.monotonicMs() < this.#silentUntilMs) return undefined;
    try {
      const { scores } = await this.models.score({
        model,
        version: '',
        persons: [],
        rows: rows.map((values) => ({ values })),
      });
      this.#failure = undefined;
      return scores;
    } catch (thrown) {
      const cause = messageOf(thrown);
      if (this.#failure === undefined) this.onFailure(model, cause);
      this.#failure = `model ${model} gives no scores: ${cause}`;
      this.#silentUntilMs = this.monotonicMs() + pauseMs;
      return undefined;
    }
  }
}
