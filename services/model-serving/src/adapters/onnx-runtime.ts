import { messageOf } from '@rapport/kernel';
import { modelsError } from '../model-serving.errors.js';
import type { ModelRuntime } from '../ports/model-runtime.js';
import { openInlineModel } from './onnx-inline-model.js';
import { openWorkerModel } from './onnx-worker-model.js';

/** ONNX Runtime, in this thread or in one thread per model. */
export const onnxRuntime: ModelRuntime = {
  open: async (model, placement) => {
    try {
      return await (placement === 'inline' ? openInlineModel(model) : openWorkerModel(model));
    } catch (thrown) {
      throw modelsError(
        'MODELS_VERSION_BROKEN',
        `expected model.onnx to be an ONNX model that this runtime can run: ${messageOf(thrown)}`,
      );
    }
  },
};
