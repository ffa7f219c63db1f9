import { modelsError } from '../model-serving.errors.js';
import { wholeNumberBounds, type Datatype, type Tensor, type TensorElements } from './datatypes.js';

/** Elements from the `data` of a JSON input: flat or nested by row, as the protocol allows both. */
export function elementsFromJson(
  input: string,
  datatype: Datatype,
  shape: readonly number[],
  data: unknown,
): TensorElements {
  if (!Array.isArray(data)) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: expected an array in data, got ${typeof data}`,
    );
  }
  const flat: unknown[] = [];
  flatten(input, data as unknown[], flat, 0);
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  if (flat.length !== count) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: expected ${count} elements in data for the shape [${shape.join(',')}], got ${flat.length}`,
    );
  }
  return packed(input, datatype, flat);
}

/** Deeper nesting than any tensor has is an attack, not data. */
const maxDepth = 16;

function flatten(input: string, data: readonly unknown[], into: unknown[], depth: number): void {
  if (depth > maxDepth) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: data is nested deeper than ${maxDepth} arrays`,
    );
  }
  for (const element of data) {
    if (Array.isArray(element)) flatten(input, element as unknown[], into, depth + 1);
    else into.push(element);
  }
}

function packed(input: string, datatype: Datatype, flat: readonly unknown[]): TensorElements {
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(flat, (value, at) => (expectBoolean(input, value, at) ? 1 : 0));
    case 'BYTES':
      return flat.map((value, at) => {
        if (typeof value !== 'string') throw unfit(input, 'a string', value, at);
        return value;
      });
    case 'FP16':
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `input ${input}: FP16 cannot be carried in JSON; use the binary extension (binary_data_size)`,
      );
    case 'FP32':
      return Float32Array.from(flat, (value, at) => expectNumber(input, value, at));
    case 'FP64':
      return Float64Array.from(flat, (value, at) => expectNumber(input, value, at));
    case 'INT64':
      return BigInt64Array.from(flat.map((value, at) => BigInt(expectWhole(input, datatype, value, at))));
    case 'UINT64':
      return BigUint64Array.from(flat.map((value, at) => BigInt(expectWhole(input, datatype, value, at))));
    default: {
      const wholes = flat.map((value, at) => expectWhole(input, datatype, value, at));
      return wholeArrays[datatype].from(wholes);
    }
  }
}

const wholeArrays = {
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
} as const;

function unfit(input: string, expected: string, value: unknown, at: number): Error {
  const came = value === null ? 'null' : typeof value === 'object' ? 'an object' : `${JSON.stringify(value)}`;
  return modelsError('MODELS_INPUT_INVALID', `input ${input}: expected ${expected} at ${at}, got ${came}`);
}

function expectBoolean(input: string, value: unknown, at: number): boolean {
  if (value === true || value === 1) return true;
  if (value === false || value === 0) return false;
  throw unfit(input, 'true or false', value, at);
}

function expectNumber(input: string, value: unknown, at: number): number {
  if (typeof value !== 'number') throw unfit(input, 'a number', value, at);
  return value;
}

function expectWhole(input: string, datatype: Datatype, value: unknown, at: number): number {
  const [low, high] = wholeNumberBounds[datatype] ?? [0n, 0n];
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw unfit(input, `a whole number (${datatype})`, value, at);
  // Beyond 2^53 JSON's numbers lose digits on the way in, so the value that came may not be the value that was sent.
  if (!Number.isSafeInteger(value)) {
    throw unfit(
      input,
      `${datatype} within ±2^53 (JSON is not exact beyond; use the binary extension)`,
      value,
      at,
    );
  }
  if (BigInt(value) < low || BigInt(value) > high)
    throw unfit(input, `${datatype} between ${low} and ${high}`, value, at);
  return value;
}

/** The JSON text of elements with commas between, without brackets; 64-bit numbers are written with all their digits. */
export function jsonOfElements(tensor: Tensor): string {
  const { name, datatype, elements } = tensor;
  if (datatype === 'FP16') {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `output ${name}: FP16 cannot be carried in JSON; ask for it with binary_data`,
    );
  }
  if (datatype === 'BYTES') return JSON.stringify(elements).slice(1, -1);
  const values = elements as Float64Array | BigInt64Array;
  if (datatype === 'BOOL') return Array.from(values as Float64Array, (value) => value !== 0).join(',');
  if (datatype === 'FP32' || datatype === 'FP64') {
    const wrong = (values as Float64Array).find((value) => !Number.isFinite(value));
    if (wrong !== undefined) {
      throw modelsError(
        'MODELS_INFERENCE_FAILED',
        `output ${name} has ${String(wrong)}, which JSON cannot carry; ask for it with binary_data`,
      );
    }
  }
  return values.join(',');
}
