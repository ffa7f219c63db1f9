import { performance } from 'node:perf_hooks';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { messageOf } from '@rapport/kernel';
import type { Tensor } from '../domain/datatypes.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelSession } from '../ports/model-runtime.js';
import { datatypeOf, onnxTypeOf, sessionOptions, signatureOf } from './onnx-tensors.js';

/** Opens a model in the serving thread: for runs so quick that the way to a process would cost more. */
export async function openInlineModel(model: Uint8Array): Promise<ModelSession> {
  const session = await InferenceSession.create(model, sessionOptions);
  const signature = signatureOf(session.inputMetadata, session.outputMetadata);
  let inHand: Promise<unknown> = Promise.resolve();
  return {
    signature,
    run: async (inputs, outputs) => {
      const started = performance.now();
      const running = session.run(feedsOf(inputs), [...outputs]);
      inHand = running.catch(() => undefined);
      try {
        const results = await running;
        const computeMs = performance.now() - started;
        return { outputs: outputs.map((name) => tensorFrom(name, results[name])), computeMs };
      } catch (thrown) {
        throw modelsError('MODELS_INFERENCE_FAILED', `the model refused the input: ${messageOf(thrown)}`);
      }
    },
    close: async () => {
      await inHand;
      await session.release();
    },
  };
}

function feedsOf(inputs: readonly Tensor[]): Record<string, OrtTensor> {
  const feeds: Record<string, OrtTensor> = {};
  for (const { name, datatype, elements, shape } of inputs) {
    // The constructor is overloaded by type name; a name found at run time fits none of the overloads alone.
    feeds[name] = new OrtTensor(onnxTypeOf(datatype) as 'float32', elements as Float32Array, [...shape]);
  }
  return feeds;
}

function tensorFrom(name: string, value: InferenceSession.ReturnType[string] | undefined): Tensor {
  const datatype = value === undefined ? undefined : datatypeOf(value.type);
  if (value === undefined || datatype === undefined)
    throw new Error(`the output ${name} is not a tensor that can be carried`);
  return { name, datatype, shape: value.dims, elements: value.data };
}
