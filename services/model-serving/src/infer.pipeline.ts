// In: one inference request with its tensors still as they were sent (raw, typed or JSON).
// Out: the outputs asked for, with the version that gave them.
// Order: none; requests stand alone, and a model in a thread answers its own in the order they came.
// Failure: what does not fit the model is MODELS_INPUT_INVALID and says what was expected and what came; an unknown
// model is MODELS_NOT_FOUND, one that is not ready MODELS_NOT_READY. Nothing is retried and nothing is kept.
import type { Datatype, Tensor, TensorElements } from './domain/datatypes.js';
import {
  checkInputs,
  checkParameters,
  chooseOutputs,
  pickOutputs,
  type AnnouncedInput,
} from './domain/signature.js';
import { modelsError } from './model-serving.errors.js';
import type { ModelShelf } from './steps/model-shelf.js';

/** A request, with a way to read each input's elements once its datatype and shape are known to be right. */
export interface InferenceRequest {
  readonly model: string;
  readonly version: string | undefined;
  readonly parameters: readonly string[];
  readonly inputs: readonly (AnnouncedInput & {
    readonly elements: (datatype: Datatype, shape: readonly number[]) => TensorElements;
  })[];
  readonly requestedOutputs: readonly string[];
}

export interface Inference {
  readonly version: string;
  readonly outputs: readonly Tensor[];
}

/** Observes how long the computation of a model took, in seconds. */
export type ObserveCompute = (model: string, version: string, seconds: number) => void;

export function createInfer(shelf: ModelShelf, observe: ObserveCompute) {
  return async function infer(request: InferenceRequest): Promise<Inference> {
    checkParameters(request.parameters);
    return await shelf.using(request.model, request.version, async (held) => {
      const { signature } = held.loaded.open;
      const checked = checkInputs(signature, request.inputs);
      const chosen = chooseOutputs(signature, request.requestedOutputs);
      const inputs = checked.map((input, index) => {
        const announced = request.inputs[index];
        if (announced === undefined)
          throw modelsError('MODELS_INPUT_INVALID', `input ${input.name} has no elements`);
        return { ...input, elements: announced.elements(input.datatype, input.shape) };
      });
      const { outputs, computeMs } = await held.run(inputs, [...new Set(chosen.map(({ name }) => name))]);
      observe(held.name, held.version, computeMs / 1000);
      return { version: held.version, outputs: pickOutputs(outputs, chosen) };
    });
  };
}

/** The step as its callers know it. */
export type Infer = ReturnType<typeof createInfer>;
