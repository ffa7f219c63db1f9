import { modelsError } from '../model-serving.errors.js';

/** Bytes that bodies under way hold together: counted as they come, given back when the request is over. */
export class BodyBudget {
  #held = 0;

  constructor(readonly maxBytes: number) {}

  /** Throws MODELS_BUSY where so much is held already. */
  take(bytes: number): void {
    if (this.#held + bytes > this.maxBytes) {
      throw modelsError(
        'MODELS_BUSY',
        `requests under way hold ${this.#held} bytes already (at most ${this.maxBytes}): send this one again later`,
      );
    }
    this.#held += bytes;
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }

  held(): number {
    return this.#held;
  }
}
