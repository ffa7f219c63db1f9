import { elementBytes, type Tensor } from '../domain/datatypes.js';
import type { CostModel } from '../domain/cost-model.js';
import { elementsOf, RowCollector, rowsOf, sliceRows } from '../domain/row-parts.js';
import type { Signature } from '../domain/signature.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelSession, RunResult } from '../ports/model-runtime.js';
import type { ProcessLane } from './process-lane.js';

/** A part of a large call: short enough that calls beside it do not wait long for theirs. */
const partMs = 50;
/** Also of a part: what crosses to a process in one message. */
const maxPartElements = 1 << 18;
/** The most elements that are computed in the serving thread, whatever is expected of them. */
const maxInlineElements = 1 << 16;
/** Calls that wait for the process of one version, and the bytes that they hold. */
const maxWaitingCalls = 64;
const maxWaitingBytes = 128 << 20;

/** What is known of a row-wise model. */
export interface RowWise {
  readonly cost: CostModel;
  /** The session in the serving thread; undefined for a model whose smallest run is too long for it, or that is too large. */
  readonly inline: ModelSession | undefined;
}

/** A version that is ready to run. Where a call runs is decided by what it weighs. */
export class PlacedModel {
  #waitingCalls = 0;
  #waitingBytes = 0;

  constructor(
    readonly signature: Signature,
    readonly lane: ProcessLane,
    /** Undefined: all of it runs in its process, whole. */
    readonly rowWise: RowWise | undefined,
    readonly inlineMaxMs: number,
  ) {}

  /** Why it cannot compute at present; undefined when it can. */
  trouble(): string | undefined {
    return this.rowWise?.inline === undefined ? this.lane.trouble() : undefined;
  }

  /**
   * Inputs as the signature says; `computeMs` is what the computation alone took. Throws MODELS_INFERENCE_FAILED when
   * the model refuses them, MODELS_BUSY when too much waits already, MODELS_CRASHED when its process ended over it.
   */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult> {
    const rows = rowsOf(inputs);
    if (this.rowWise === undefined || rows === undefined)
      return await this.#waiting(inputs, () => this.lane.run(inputs, outputs));
    const { cost, inline } = this.rowWise;
    const elements = elementsOf(inputs);
    if (
      inline !== undefined &&
      elements <= maxInlineElements &&
      cost.estimateMs(elements) <= this.inlineMaxMs
    ) {
      const result = await inline.run(inputs, outputs);
      cost.observe({ elements, ms: result.computeMs });
      return result;
    }
    return await this.#waiting(inputs, () => this.#inParts(cost, inputs, outputs, rows, elements));
  }

  /** Gives the memory back; runs in hand end first. */
  async close(): Promise<void> {
    await Promise.all([this.lane.close(), this.rowWise?.inline?.close()]);
  }

  async #inParts(
    cost: CostModel,
    inputs: readonly Tensor[],
    outputs: readonly string[],
    rows: number,
    elements: number,
  ): Promise<RunResult> {
    const ofPart = Math.min(cost.elementsWithin(partMs), maxPartElements);
    const parts = Math.max(1, Math.min(rows, Math.ceil(elements / ofPart)));
    const all = new RowCollector(rows);
    let computeMs = 0;
    for (let part = 0; part < parts; part++) {
      const [from, to] = [Math.floor((rows * part) / parts), Math.floor((rows * (part + 1)) / parts)];
      const slice = parts === 1 ? inputs : sliceRows(inputs, from, to);
      const result = await this.lane.run(slice, outputs);
      cost.observe({ elements: elements / parts, ms: result.computeMs });
      computeMs += result.computeMs;
      if (parts === 1) return result;
      all.add(result.outputs, to - from);
    }
    return { outputs: all.outputs(), computeMs };
  }

  async #waiting(inputs: readonly Tensor[], work: () => Promise<RunResult>): Promise<RunResult> {
    const bytes = bytesOf(inputs);
    if (this.#waitingCalls >= maxWaitingCalls || this.#waitingBytes + bytes > maxWaitingBytes) {
      throw modelsError(
        'MODELS_BUSY',
        `${this.#waitingCalls} calls with ${this.#waitingBytes} bytes wait for this model already (at most ${maxWaitingCalls} and ${maxWaitingBytes}): send this one again later`,
      );
    }
    this.#waitingCalls++;
    this.#waitingBytes += bytes;
    try {
      return await work();
    } finally {
      this.#waitingCalls--;
      this.#waitingBytes -= bytes;
    }
  }
}

function bytesOf(inputs: readonly Tensor[]): number {
  return inputs.reduce(
    (sum, { datatype, elements }) =>
      sum +
      (datatype === 'BYTES'
        ? (elements as readonly string[]).reduce((bytes, text) => bytes + 16 + text.length, 0)
        : elements.length * elementBytes[datatype]),
    0,
  );
}
