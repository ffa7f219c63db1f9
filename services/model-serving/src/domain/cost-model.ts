/** How long a run took, and on how many elements of input. */
export interface MeasuredRun {
  readonly elements: number;
  readonly ms: number;
}

/** How much one measurement moves what is expected. */
const weight = 0.1;
/** A run that was disturbed may take any time; it counts as at most so many times what was expected. */
const mostAtOnce = 4;

/** What a run of a row-wise model costs: so much for any call and so much for each element, corrected by what runs took. */
export class CostModel {
  readonly #fixedMs: number;
  readonly #msPerElement: number;
  #correction = 1;

  /** From a run on few elements and one on many. */
  constructor(few: MeasuredRun, many: MeasuredRun) {
    this.#msPerElement = Math.max((many.ms - few.ms) / Math.max(many.elements - few.elements, 1), 1e-9);
    this.#fixedMs = Math.max(few.ms - few.elements * this.#msPerElement, 1e-6);
  }

  estimateMs(elements: number): number {
    return this.#correction * this.#uncorrectedMs(elements);
  }

  /** How many elements a run of so many milliseconds takes; at least one. */
  elementsWithin(ms: number): number {
    return Math.max((ms / this.#correction - this.#fixedMs) / this.#msPerElement, 1);
  }

  observe({ elements, ms }: MeasuredRun): void {
    const ratio = Math.min(ms / this.#uncorrectedMs(elements), this.#correction * mostAtOnce);
    this.#correction += weight * (ratio - this.#correction);
  }

  #uncorrectedMs(elements: number): number {
    return this.#fixedMs + elements * this.#msPerElement;
  }
}
