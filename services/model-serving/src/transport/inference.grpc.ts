import type { inferenceProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import type { Tensor } from '../domain/datatypes.js';
import { elementsFromRaw, rawFromElements } from '../domain/raw-contents.js';
import type { TensorSpec } from '../domain/signature.js';
import { contentsOf, elementsFromContents, hasTypedContents } from '../domain/typed-contents.js';
import type { Infer, InferenceRequest } from '../infer.pipeline.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelShelf } from '../steps/model-shelf.js';

type Service = inferenceProto.GRPCInferenceService;

/** How this server names itself and what it adds to the protocol. */
export const serverMetadata = {
  name: 'rapport',
  version: '0.1.0',
  extensions: ['binary_tensor_data', 'model_repository'],
} as const;

const given = (text: string): string | undefined => (text === '' ? undefined : text);

/** The Open Inference Protocol v2 over gRPC. */
export class InferenceGrpc implements Service {
  constructor(
    readonly shelf: ModelShelf,
    readonly infer: Infer,
    readonly isReady: () => boolean,
  ) {}

  async serverLive(): Promise<inferenceProto.ServerLiveResponse> {
    return { live: true };
  }

  async serverReady(): Promise<inferenceProto.ServerReadyResponse> {
    return { ready: this.isReady() };
  }

  async modelReady({
    name,
    version,
  }: inferenceProto.ModelReadyRequest): Promise<inferenceProto.ModelReadyResponse> {
    return { ready: isModelReady(this.shelf, name, given(version)) };
  }

  async serverMetadata(): Promise<inferenceProto.ServerMetadataResponse> {
    return { ...serverMetadata, extensions: [...serverMetadata.extensions] };
  }

  async modelMetadata(
    request: inferenceProto.ModelMetadataRequest,
  ): Promise<inferenceProto.ModelMetadataResponse> {
    const { name, versions, platform, inputs, outputs } = describeModel(
      this.shelf,
      request.name,
      given(request.version),
    );
    const bigShape = (spec: TensorSpec) => ({ ...spec, shape: spec.shape.map(BigInt) });
    return {
      name,
      versions: [...versions],
      platform,
      inputs: inputs.map(bigShape),
      outputs: outputs.map(bigShape),
      properties: {},
    };
  }

  async modelInfer(request: inferenceProto.ModelInferRequest): Promise<inferenceProto.ModelInferResponse> {
    const raw = request.rawInputContents.length > 0;
    const { version, outputs } = await this.infer(toInference(request, raw));
    // Raw is answered raw. Typed is answered typed, unless an output has no typed form: then all of it travels raw.
    const answerRaw = raw || outputs.some(({ datatype }) => !hasTypedContents(datatype));
    return {
      modelName: request.modelName,
      modelVersion: version,
      id: request.id,
      parameters: {},
      outputs: outputs.map((tensor) => ({
        name: tensor.name,
        datatype: tensor.datatype,
        shape: tensor.shape.map(BigInt),
        parameters: {},
        contents: answerRaw ? undefined : contentsOf(tensor),
      })),
      rawOutputContents: answerRaw ? outputs.map(bufferOf) : [],
    };
  }

  async repositoryIndex({
    ready,
  }: inferenceProto.RepositoryIndexRequest): Promise<inferenceProto.RepositoryIndexResponse> {
    return { models: indexOf(this.shelf, ready) };
  }

  async repositoryModelLoad(
    request: inferenceProto.RepositoryModelLoadRequest,
  ): Promise<inferenceProto.RepositoryModelLoadResponse> {
    refuseParameters(Object.keys(request.parameters));
    await this.shelf.loadModel(request.modelName);
    return {};
  }

  async repositoryModelUnload(
    request: inferenceProto.RepositoryModelUnloadRequest,
  ): Promise<inferenceProto.RepositoryModelUnloadResponse> {
    await this.shelf.unload(request.modelName, undefined);
    return {};
  }
}

function bufferOf(tensor: Tensor): Buffer {
  const { buffer, byteOffset, byteLength } = rawFromElements(tensor.elements);
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

function toInference(request: inferenceProto.ModelInferRequest, raw: boolean): InferenceRequest {
  if (raw && request.rawInputContents.length !== request.inputs.length) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `expected one entry in raw_input_contents for each of the ${request.inputs.length} inputs, in their order; got ${request.rawInputContents.length}`,
    );
  }
  return {
    model: request.modelName,
    version: given(request.modelVersion),
    parameters: Object.keys(request.parameters),
    requestedOutputs: request.outputs.map(({ name }) => name),
    inputs: request.inputs.map((input, index) => ({
      ...input,
      elements: (datatype, shape) => {
        const count = shape.reduce((product, dimension) => product * dimension, 1);
        const bytes = request.rawInputContents[index];
        if (bytes === undefined)
          return elementsFromContents(input.name, datatype, count, input.contents ?? noContents);
        if (
          input.contents !== undefined &&
          Object.values(input.contents).some((field: readonly unknown[]) => field.length > 0)
        ) {
          throw modelsError(
            'MODELS_INPUT_INVALID',
            `input ${input.name}: expected raw_input_contents or contents, got both`,
          );
        }
        return elementsFromRaw(input.name, datatype, count, bytes);
      },
    })),
  };
}

const noContents: inferenceProto.InferTensorContents = {
  boolContents: [],
  intContents: [],
  int64Contents: [],
  uintContents: [],
  uint64Contents: [],
  fp32Contents: [],
  fp64Contents: [],
  bytesContents: [],
};

/** Whether a version, or the one that the policy chooses, is ready. An unknown model is not an error here. */
export function isModelReady(shelf: ModelShelf, name: string, version: string | undefined): boolean {
  try {
    shelf.find(name, version);
    return true;
  } catch (thrown) {
    if (thrown instanceof RapportError) return false;
    throw thrown;
  }
}

/** What the protocol tells about a model. */
export function describeModel(shelf: ModelShelf, name: string, version: string | undefined) {
  const found = shelf.find(name, version);
  const versions = shelf
    .list()
    .filter((each) => each.name === name && each.state === 'READY')
    .map((each) => each.version);
  return { name, versions, platform: 'onnxruntime_onnx', ...found.loaded.open.signature };
}

/** Triton's repository index. */
export function indexOf(shelf: ModelShelf, readyOnly: boolean) {
  return shelf
    .list()
    .filter(({ state }) => !readyOnly || state === 'READY')
    .map(({ name, version, state, reason }) => ({ name, version, state, reason }));
}

/** A load takes what lies in the repository: a model sent along in the parameters would be served unchecked. */
export function refuseParameters(names: readonly string[]): void {
  if (names.length > 0) {
    throw modelsError(
      'MODELS_UNSUPPORTED',
      `expected a load without parameters, got ${names.join(', ')}: put the files into the model repository and load by name`,
    );
  }
}
