import type { inferenceProto } from '@rapport/contracts';
import { modelsError } from '../model-serving.errors.js';
import { wholeNumberBounds, type Datatype, type Tensor, type TensorElements } from './datatypes.js';
import { textOfElement } from './raw-contents.js';

type Contents = inferenceProto.InferTensorContents;

/** The field of InferTensorContents that carries a datatype; FP16 has none and travels raw only. */
const contentFields = {
  BOOL: 'boolContents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
} as const satisfies Partial<Record<Datatype, keyof Contents>>;

/** Whether a datatype can be carried in typed contents. */
export function hasTypedContents(datatype: Datatype): boolean {
  return datatype in contentFields;
}

const snake = (field: string): string => field.replace(/([A-Z])/g, (letter) => `_${letter.toLowerCase()}`);

/** Elements from the typed contents of one input. */
export function elementsFromContents(
  input: string,
  datatype: Datatype,
  count: number,
  contents: Contents,
): TensorElements {
  if (datatype === 'FP16') {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: FP16 has no typed contents; send raw_input_contents`,
    );
  }
  const field = contentFields[datatype];
  for (const other of Object.keys(contents) as (keyof Contents)[]) {
    if (other !== field && contents[other].length > 0) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `input ${input}: expected the elements of ${datatype} in ${snake(field)}, got some in ${snake(other)}`,
      );
    }
  }
  if (contents[field].length !== count) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: expected ${count} elements in ${snake(field)}, got ${contents[field].length}`,
    );
  }
  return packed(input, datatype, contents);
}

function packed(input: string, datatype: Exclude<Datatype, 'FP16'>, contents: Contents): TensorElements {
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(contents.boolContents, (value) => (value ? 1 : 0));
    case 'UINT8':
      return Uint8Array.from(inBounds(input, datatype, contents.uintContents));
    case 'UINT16':
      return Uint16Array.from(inBounds(input, datatype, contents.uintContents));
    case 'UINT32':
      return Uint32Array.from(contents.uintContents);
    case 'UINT64':
      return BigUint64Array.from(contents.uint64Contents);
    case 'INT8':
      return Int8Array.from(inBounds(input, datatype, contents.intContents));
    case 'INT16':
      return Int16Array.from(inBounds(input, datatype, contents.intContents));
    case 'INT32':
      return Int32Array.from(contents.intContents);
    case 'INT64':
      return BigInt64Array.from(contents.int64Contents);
    case 'FP32':
      return Float32Array.from(contents.fp32Contents);
    case 'FP64':
      return Float64Array.from(contents.fp64Contents);
    case 'BYTES':
      return contents.bytesContents.map((bytes, index) => textOfElement(input, index, bytes));
  }
}

/** Small whole numbers travel in 32-bit fields: what does not fit the smaller type is refused, never wrapped. */
function inBounds(input: string, datatype: Datatype, values: readonly number[]): readonly number[] {
  const [low, high] = wholeNumberBounds[datatype] ?? [0n, 0n];
  const at = values.findIndex((value) => value < Number(low) || value > Number(high));
  if (at >= 0) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: expected ${datatype} between ${low} and ${high}, got ${values[at] ?? ''} at ${at}`,
    );
  }
  return values;
}

/** Typed contents of an output tensor. The caller has asked `hasTypedContents`. */
export function contentsOf(tensor: Tensor): Contents {
  const contents: Contents = {
    boolContents: [],
    intContents: [],
    int64Contents: [],
    uintContents: [],
    uint64Contents: [],
    fp32Contents: [],
    fp64Contents: [],
    bytesContents: [],
  };
  const { datatype, elements } = tensor;
  if (datatype === 'BYTES') {
    contents.bytesContents = (elements as readonly string[]).map((text) => Buffer.from(text, 'utf8'));
  } else if (datatype === 'BOOL') {
    contents.boolContents = Array.from(elements as Uint8Array, (value) => value !== 0);
  } else if (datatype === 'INT64') {
    contents.int64Contents = Array.from(elements as BigInt64Array);
  } else if (datatype === 'UINT64') {
    contents.uint64Contents = Array.from(elements as BigUint64Array);
  } else if (datatype !== 'FP16') {
    contents[contentFields[datatype]] = Array.from(elements as Float64Array);
  }
  return contents;
}
