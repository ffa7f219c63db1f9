import type { Tensor } from '../domain/datatypes.js';
import type { Signature } from '../domain/signature.js';

/** What a run gave, and the time that the computation alone took, in milliseconds. */
export interface RunResult {
  readonly outputs: readonly Tensor[];
  readonly computeMs: number;
}

/** A model in memory, ready to run. */
export interface OpenModel {
  readonly signature: Signature;
  readonly placement: Placement;
  /** Inputs as the signature says; throws MODELS_INFERENCE_FAILED when the computation refuses them. */
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult>;
  /** Gives the memory back; runs in hand end first. */
  close(): Promise<void>;
}

/** `inline` blocks the serving thread for the time of a run; `worker` runs beside it for about 0.1 ms more. */
export type Placement = 'inline' | 'worker';

/** Opens model files. */
export interface ModelRuntime {
  /** Throws MODELS_VERSION_BROKEN when the bytes are no model that can be run. */
  open(model: Uint8Array, placement: Placement): Promise<OpenModel>;
}
