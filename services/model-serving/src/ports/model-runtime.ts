import type { Tensor } from '../domain/datatypes.js';
import type { Declaration } from '../domain/signature.js';
import type { ModelSource } from './model-files.js';

/** What a run gave, and the time that the computation alone took, in milliseconds. */
export interface RunResult {
  readonly outputs: readonly Tensor[];
  readonly computeMs: number;
}

/** A model opened somewhere. */
export interface ModelSession {
  readonly signature: Declaration;
  /** Inputs as the signature says; throws MODELS_INFERENCE_FAILED when the computation refuses them. */
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult>;
  /** Gives the memory back. */
  close(): Promise<void>;
}

/** A model in a process of its own. A run in which the process ends is MODELS_CRASHED. */
export interface ModelProcess extends ModelSession {
  /** Why the process ended; undefined while it runs. */
  ended(): string | undefined;
}

/** Opens model files. */
export interface ModelRuntime {
  /** In this process, where a run holds up everything else and one that aborts ends it. */
  openInline(model: Uint8Array): Promise<ModelSession>;
  /** In a process of its own. Throws MODELS_VERSION_BROKEN when it is no model that can be run, or ends the process. */
  openProcess(source: ModelSource): Promise<ModelProcess>;
}
