import type { InferenceSession } from 'onnxruntime-node';
import type { Datatype, TensorElements } from '../domain/datatypes.js';
import type { Declaration, TensorSpec } from '../domain/signature.js';

/** A tensor as it crosses to the runtime: ONNX Runtime's type name, dimensions, elements. */
export interface OnnxTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TensorElements;
}

const onnxTypes: Readonly<Record<Datatype, string>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
};
const datatypesByOnnx = new Map(
  Object.entries(onnxTypes).map(([datatype, onnx]) => [onnx, datatype as Datatype]),
);

/** ONNX Runtime's name of a datatype. */
export const onnxTypeOf = (datatype: Datatype): string => onnxTypes[datatype];

/** The protocol's name of an ONNX Runtime type; undefined for one that the protocol does not have. */
export const datatypeOf = (type: string): Datatype | undefined => datatypesByOnnx.get(type);

/** The signature that a session declares; throws where a value is no tensor of a known type. */
export function signatureOf(
  inputs: readonly InferenceSession.ValueMetadata[],
  outputs: readonly InferenceSession.ValueMetadata[],
): Declaration {
  return { inputs: inputs.map(specOf), outputs: outputs.map(specOf) };
}

function specOf(value: InferenceSession.ValueMetadata): TensorSpec {
  const datatype = value.isTensor ? datatypeOf(value.type) : undefined;
  if (!value.isTensor || datatype === undefined) {
    throw new Error(
      `${value.name} is ${value.isTensor ? `a tensor of ${value.type}` : 'no tensor (export classifiers without ZipMap)'}, which the protocol cannot carry`,
    );
  }
  return {
    name: value.name,
    datatype,
    shape: value.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1)),
  };
}

/**
 * One thread that never spins: with its defaults the runtime takes every core and keeps it hot while idle. What
 * runs side by side here are requests, not the parts of one.
 */
export const sessionOptions: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
};
