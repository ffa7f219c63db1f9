import { RapportError, type ErrorStatus } from '@rapport/kernel';

/** Every code of this service and how the doors tell it. */
const statuses = {
  /** A request that does not fit the model or the protocol. */
  MODELS_INPUT_INVALID: 'invalid',
  /** The model's own computation refused the input. */
  MODELS_INFERENCE_FAILED: 'invalid',
  MODELS_NOT_FOUND: 'not_found',
  MODELS_NOT_READY: 'unavailable',
  /** The model has no manifest that names features, so it cannot score people. */
  MODELS_NOT_A_SCORER: 'conflict',
  /** The folder, file, manifest or golden cases of a version are not in order. */
  MODELS_VERSION_BROKEN: 'conflict',
  MODELS_LOAD_FAILED: 'unavailable',
  /** The process that held the model ended while it computed; it is started again. */
  MODELS_CRASHED: 'unavailable',
  MODELS_TOO_LARGE: 'too_large',
  MODELS_LIMIT_INVALID: 'invalid',
  MODELS_UNSUPPORTED: 'unimplemented',
  MODELS_BUSY: 'exhausted',
} as const satisfies Record<string, ErrorStatus>;

/** Codes that this service's errors carry. */
export type ModelsErrorCode = keyof typeof statuses;

/** An error of this service; the message says what was expected, what came and how to fix it. */
export function modelsError(code: ModelsErrorCode, message: string, detail?: string): RapportError {
  return new RapportError(code, statuses[code], message, detail);
}
