import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import type { Tensor, TensorElements } from '../domain/datatypes.js';
import { modelsError } from '../model-serving.errors.js';
import type { OpenModel, RunResult } from '../ports/model-runtime.js';
import { datatypeOf, onnxTypeOf, sessionOptions, signatureOf, type OnnxTensor } from './onnx-tensors.js';

const workerFile = fileURLToPath(new URL('./onnx-worker.mjs', import.meta.url));

type Answer =
  | {
      readonly kind: 'open';
      readonly inputs: readonly InferenceSession.ValueMetadata[];
      readonly outputs: readonly InferenceSession.ValueMetadata[];
    }
  | { readonly kind: 'failed'; readonly message: string }
  | {
      readonly kind: 'result';
      readonly id: number;
      readonly outputs: Readonly<Record<string, OnnxTensor>>;
      readonly computeMs: number;
    }
  | { readonly kind: 'error'; readonly id: number; readonly message: string };

interface Waiting {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (thrown: Error) => void;
}

/** Opens a model in a thread of its own. */
export async function openWorkerModel(model: Uint8Array): Promise<OpenModel> {
  const worker = new Worker(workerFile, { workerData: { model, options: sessionOptions }, name: 'model' });
  const waiting = new Map<number, Waiting>();
  const opened = await new Promise<Extract<Answer, { kind: 'open' | 'failed' }>>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`its thread ended with ${code} while opening`)));
  });
  if (opened.kind === 'failed') {
    await worker.terminate();
    throw new Error(opened.message);
  }
  worker.on('message', (answer: Answer) => settle(waiting, answer));
  worker.on('error', (thrown) =>
    failAll(waiting, `its thread broke: ${thrown instanceof Error ? thrown.message : String(thrown)}`),
  );
  worker.on('exit', () => failAll(waiting, 'its thread ended'));
  let lastId = 0;
  let ended = false;
  worker.once('exit', () => (ended = true));
  const run = (inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult> =>
    new Promise((resolve, reject) => {
      if (ended)
        return reject(
          modelsError('MODELS_NOT_READY', 'the model is being swapped or its thread ended; try again'),
        );
      const id = ++lastId;
      const { feeds, buffers } = feedsOf(inputs);
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, feeds, outputs }, buffers);
    });
  return {
    signature: await signatureOrEnd(worker, opened),
    placement: 'worker',
    run,
    close: async () => {
      while (waiting.size > 0 && !ended) await new Promise((resolve) => setTimeout(resolve, 1));
      await worker.terminate();
    },
  };
}

async function signatureOrEnd(
  worker: Worker,
  opened: Extract<Answer, { kind: 'open' }>,
): Promise<OpenModel['signature']> {
  try {
    return signatureOf(opened.inputs, opened.outputs);
  } catch (thrown) {
    await worker.terminate();
    throw thrown;
  }
}

/** Elements are copied once and the copy handed over: a view over a large message would drag all of it along. */
function feedsOf(inputs: readonly Tensor[]): { feeds: Record<string, OnnxTensor>; buffers: ArrayBuffer[] } {
  const feeds: Record<string, OnnxTensor> = {};
  const buffers: ArrayBuffer[] = [];
  for (const { name, datatype, elements, shape } of inputs) {
    const data = elements.slice() as TensorElements;
    if (ArrayBuffer.isView(data)) buffers.push(data.buffer as ArrayBuffer);
    feeds[name] = { type: onnxTypeOf(datatype), data, dims: shape };
  }
  return { feeds, buffers };
}

function settle(waiting: Map<number, Waiting>, answer: Answer): void {
  if (answer.kind !== 'result' && answer.kind !== 'error') return;
  const waiter = waiting.get(answer.id);
  waiting.delete(answer.id);
  if (answer.kind === 'error') {
    waiter?.reject(modelsError('MODELS_INFERENCE_FAILED', `the model refused the input: ${answer.message}`));
    return;
  }
  const outputs: Tensor[] = [];
  for (const [name, { type, dims, data }] of Object.entries(answer.outputs)) {
    const datatype = datatypeOf(type);
    if (datatype === undefined) {
      waiter?.reject(new Error(`the output ${name} is a tensor of ${type}, which the protocol cannot carry`));
      return;
    }
    outputs.push({ name, datatype, shape: dims, elements: data });
  }
  waiter?.resolve({ outputs, computeMs: answer.computeMs });
}

function failAll(waiting: Map<number, Waiting>, reason: string): void {
  for (const { reject } of waiting.values())
    reject(modelsError('MODELS_NOT_READY', `the model stopped: ${reason}`));
  waiting.clear();
}
