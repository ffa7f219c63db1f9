import { z } from 'zod';
import { mapInTurns, messageOf } from '@rapport/kernel';
import type { Tensor } from '../domain/datatypes.js';
import { elementsFromJson, jsonOfElements } from '../domain/json-contents.js';
import { elementsFromRaw, rawFromElements } from '../domain/raw-contents.js';
import type { Inference, InferenceRequest } from '../infer.pipeline.js';
import { modelsError } from '../model-serving.errors.js';

/** Parameters as JSON carries them. */
export type JsonInferParameters = Readonly<Record<string, unknown>>;

/** How a client wants its answer. */
export interface AnswerWish {
  readonly id: string | undefined;
  readonly isBinary: (output: string) => boolean;
}

const parameters = z.record(z.string(), z.unknown());
const requestSchema = z.object({
  id: z.string().optional(),
  parameters: parameters.optional(),
  inputs: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.number().int()),
      datatype: z.string(),
      parameters: parameters.optional(),
      data: z.unknown().optional(),
    }),
  ),
  outputs: z.array(z.object({ name: z.string(), parameters: parameters.optional() })).optional(),
});
type RequestJson = z.output<typeof requestSchema>;

/** Reads a body: JSON alone, or `jsonBytes` of JSON and after it the binary inputs in their order. */
export function readInference(
  model: string,
  version: string | undefined,
  body: Buffer,
  jsonBytes: number | undefined,
): { inference: InferenceRequest; ask: AnswerWish } {
  if (jsonBytes !== undefined && jsonBytes > body.byteLength) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `expected ${jsonBytes} bytes of JSON as Inference-Header-Content-Length says, the body has ${body.byteLength}`,
    );
  }
  const json = parse(body.subarray(0, jsonBytes ?? body.byteLength));
  const blobs = splitBinary(json, jsonBytes === undefined ? undefined : body.subarray(jsonBytes));
  const binaryByDefault = json.parameters?.['binary_data_output'] === true;
  const binaryOutputs = new Map(
    (json.outputs ?? []).map((output) => [output.name, output.parameters?.['binary_data']]),
  );
  return {
    inference: {
      model,
      version,
      parameters: Object.keys(json.parameters ?? {}),
      requestedOutputs: (json.outputs ?? []).map(({ name }) => name),
      inputs: json.inputs.map((input, index) => ({
        name: input.name,
        datatype: input.datatype,
        shape: input.shape,
        elements: (datatype, shape) => {
          const bytes = blobs[index];
          if (bytes === undefined) return elementsFromJson(input.name, datatype, shape, input.data);
          const count = shape.reduce((product, dimension) => product * dimension, 1);
          return elementsFromRaw(input.name, datatype, count, bytes);
        },
      })),
    },
    ask: {
      id: json.id,
      isBinary: (output) => {
        const wish = binaryOutputs.get(output);
        return typeof wish === 'boolean' ? wish : binaryByDefault;
      },
    },
  };
}

function parse(bytes: Buffer): RequestJson {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw modelsError('MODELS_INPUT_INVALID', `expected a JSON object with inputs: ${messageOf(thrown)}`);
  }
  const result = requestSchema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'the body'}: ${message}`,
  );
  throw modelsError('MODELS_INPUT_INVALID', `the request is not in order: ${problems.join('; ')}`);
}

/** The bytes of each input that is binary, in the order of the inputs; what is left over is an error. */
function splitBinary(json: RequestJson, rest: Buffer | undefined): readonly (Buffer | undefined)[] {
  let at = 0;
  const blobs = json.inputs.map((input) => {
    const size = input.parameters?.['binary_data_size'];
    if (size === undefined) return undefined;
    if (
      typeof size !== 'number' ||
      !Number.isSafeInteger(size) ||
      size < 0 ||
      rest === undefined ||
      at + size > rest.byteLength
    ) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `input ${input.name}: expected binary_data_size bytes behind the JSON (and Inference-Header-Content-Length); it says ${JSON.stringify(size)}, ${(rest?.byteLength ?? 0) - at} are left`,
      );
    }
    if (input.data !== undefined) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `input ${input.name}: expected data or binary_data_size, got both`,
      );
    }
    at += size;
    return rest.subarray(at - size, at);
  });
  if (rest !== undefined && at !== rest.byteLength) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `expected ${at} binary bytes behind the JSON, as the inputs say; got ${rest.byteLength}`,
    );
  }
  return blobs;
}

/**
 * The answer's body in parts, the JSON first; `jsonBytes` is set when binary outputs follow it. Large outputs are
 * written in turns.
 */
export async function encodeInference(
  model: string,
  inference: Inference,
  ask: AnswerWish,
): Promise<{ body: readonly Uint8Array[]; jsonBytes: number | undefined }> {
  const blobs: Uint8Array[] = [];
  const parts: string[] = [];
  for (const tensor of inference.outputs) parts.push(await outputJson(tensor, ask, blobs));
  const id = ask.id === undefined ? '' : `"id":${JSON.stringify(ask.id)},`;
  const text = `{${id}"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(inference.version)},"outputs":[${parts.join(',')}]}`;
  const head = Buffer.from(text, 'utf8');
  return { body: [head, ...blobs], jsonBytes: blobs.length === 0 ? undefined : head.byteLength };
}

async function outputJson(tensor: Tensor, ask: AnswerWish, blobs: Uint8Array[]): Promise<string> {
  const head = `"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
  if (!ask.isBinary(tensor.name)) {
    const pieces = await mapInTurns(piecesOf(tensor), jsonOfElements);
    return `{${head},"data":[${pieces.join(',')}]}`;
  }
  const bytes = rawFromElements(tensor.elements);
  blobs.push(bytes);
  return `{${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
}

/** Elements that are written as JSON in one go. */
const pieceElements = 4096;
/** More in one answer would be a text of hundreds of megabytes. */
const maxJsonElements = 4 << 20;

/** A tensor cut into pieces of its elements. */
function piecesOf(tensor: Tensor): Tensor[] {
  const { elements } = tensor;
  if (elements.length > maxJsonElements) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `output ${tensor.name}: expected at most ${maxJsonElements} elements in JSON, the answer has ${elements.length}; ask for it with binary_data`,
    );
  }
  const pieces: Tensor[] = [];
  for (let at = 0; at < elements.length; at += pieceElements) {
    const piece = (elements as Float32Array).slice(at, at + pieceElements);
    pieces.push({ ...tensor, elements: piece });
  }
  return pieces;
}
