import { messageOf } from '@rapport/kernel';
import { modelsError } from '../model-serving.errors.js';
import type { ModelRuntime } from '../ports/model-runtime.js';
import { openInlineModel } from './onnx-inline-model.js';
import { openProcessModel } from './onnx-process-model.js';

/** ONNX Runtime, in this process or in one process per model, whose runs may take `maxRunMs`. */
export function onnxRuntime(maxRunMs: number): ModelRuntime {
  const told = async <T>(opening: Promise<T>): Promise<T> => {
    try {
      return await opening;
    } catch (thrown) {
      throw modelsError(
        'MODELS_VERSION_BROKEN',
        `expected model.onnx to be an ONNX model that this runtime can run: ${messageOf(thrown)}`,
      );
    }
  };
  return {
    openInline: (model) => told(openInlineModel(model)),
    openProcess: (source) => told(openProcessModel(source, maxRunMs)),
  };
}
