import type { modelsProto } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import type { FeatureRow, Predictor } from '../ports/predictor.js';

/** After an answer did not come, the model is left alone for this long, twice as long after each further try. */
const firstPauseMs = 1_000;
/** The longest such pause: a model that answers again is noticed within it, asked or not. */
const longestPauseMs = 5_000;

/** A model that gave no answer. */
interface Trouble {
  readonly cause: string;
  readonly pauseMs: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Asks model-serving. A model that gives no answer is not waited for by events: it is tried again by itself, until it
 * answers, so that readiness needs no traffic to heal.
 */
export class ModelsPredictor implements Predictor {
  readonly #troubles = new Map<string, Trouble>();
  #isStopped = false;

  constructor(
    private readonly models: Pick<modelsProto.ModelsService, 'score'>,
    private readonly onFailure: (model: string, cause: string) => void,
  ) {}

  failure(): string | undefined {
    const [first] = this.#troubles;
    return first === undefined ? undefined : `model ${first[0]} gives no scores: ${first[1].cause}`;
  }

  async score(model: string, rows: readonly FeatureRow[]): Promise<readonly number[] | undefined> {
    if (this.#troubles.has(model)) return undefined;
    try {
      return await this.#ask(model, rows);
    } catch (thrown) {
      this.onFailure(model, messageOf(thrown));
      this.#tryLater(model, messageOf(thrown), firstPauseMs);
      return undefined;
    }
  }

  /** Tries no model any more. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#troubles.values()) clearTimeout(timer);
    this.#troubles.clear();
  }

  async #ask(model: string, rows: readonly FeatureRow[]): Promise<readonly number[]> {
    const asked = { model, version: '', persons: [], rows: rows.map((values) => ({ values })) };
    return (await this.models.score(asked)).scores;
  }

  #tryLater(model: string, cause: string, pauseMs: number): void {
    clearTimeout(this.#troubles.get(model)?.timer);
    if (this.#isStopped) return;
    const timer = setTimeout(() => void this.#tryAgain(model), pauseMs).unref();
    this.#troubles.set(model, { cause, pauseMs, timer });
  }

  async #tryAgain(model: string): Promise<void> {
    const trouble = this.#troubles.get(model);
    if (trouble === undefined) return;
    try {
      // Somebody of whom nothing is known: what it failed on may be one person's row, which must not keep it away from all.
      await this.#ask(model, [{}]);
      this.#troubles.delete(model);
    } catch (thrown) {
      this.#tryLater(model, messageOf(thrown), Math.min(trouble.pauseMs * 2, longestPauseMs));
    }
  }
}
