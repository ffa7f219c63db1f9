/** The datatypes of the Open Inference Protocol that ONNX can hold (BF16 has no carrier in JavaScript). */
export const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export type Datatype = (typeof datatypes)[number];

/** Elements of a tensor in row-major order. BOOL as 0 and 1, FP16 as its bits, BYTES as text. */
export type TensorElements =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[];

/** A named array of one datatype. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly elements: TensorElements;
}

/** Bytes of one element; 0 for BYTES, whose elements differ in length. */
export const elementBytes: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

/** Inclusive bounds of the whole-number types. */
export const wholeNumberBounds: Readonly<Partial<Record<Datatype, readonly [bigint, bigint]>>> = {
  UINT8: [0n, 255n],
  UINT16: [0n, 65_535n],
  UINT32: [0n, 4_294_967_295n],
  UINT64: [0n, (1n << 64n) - 1n],
  INT8: [-128n, 127n],
  INT16: [-32_768n, 32_767n],
  INT32: [-2_147_483_648n, 2_147_483_647n],
  INT64: [-(1n << 63n), (1n << 63n) - 1n],
};

/** Whether a text names a datatype. */
export function isDatatype(text: string): text is Datatype {
  return (datatypes as readonly string[]).includes(text);
}

/** A typed array over bytes that are already aligned for it; BYTES has none. */
export function viewOf(
  datatype: Exclude<Datatype, 'BYTES'>,
  buffer: ArrayBuffer,
  offset: number,
  length: number,
): Exclude<TensorElements, readonly string[]> {
  switch (datatype) {
    case 'BOOL':
    case 'UINT8':
      return new Uint8Array(buffer, offset, length);
    case 'UINT16':
    case 'FP16':
      return new Uint16Array(buffer, offset, length);
    case 'UINT32':
      return new Uint32Array(buffer, offset, length);
    case 'UINT64':
      return new BigUint64Array(buffer, offset, length);
    case 'INT8':
      return new Int8Array(buffer, offset, length);
    case 'INT16':
      return new Int16Array(buffer, offset, length);
    case 'INT32':
      return new Int32Array(buffer, offset, length);
    case 'INT64':
      return new BigInt64Array(buffer, offset, length);
    case 'FP32':
      return new Float32Array(buffer, offset, length);
    case 'FP64':
      return new Float64Array(buffer, offset, length);
  }
}

/** How many elements a shape holds. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** How a datatype and a shape are written in messages, for example `FP32[-1,10]`. */
export function describeTensor(datatype: string, shape: readonly (number | bigint)[]): string {
  return `${datatype}[${shape.join(',')}]`;
}
