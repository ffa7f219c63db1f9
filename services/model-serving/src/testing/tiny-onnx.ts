import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Datatype } from '../domain/datatypes.js';

/** ONNX's numbers of element types (TensorProto.DataType in onnx.proto). */
export const onnxElementTypes: Readonly<Record<Datatype, number>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
};

/** A value of the graph; a text is a dimension that may vary, by name. */
export interface OnnxValue {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly (number | string)[];
}

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole-number attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
}

/** A constant of 32-bit floats or 64-bit whole numbers. */
export interface OnnxConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elements: Float32Array | BigInt64Array;
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly constants?: readonly OnnxConstant[];
}

type Fields = (writer: BinaryWriter) => void;
const message = (writer: BinaryWriter, field: number, fields: Fields): void => {
  writer.uint32((field << 3) | 2).fork();
  fields(writer);
  writer.join();
};
const text = (writer: BinaryWriter, field: number, value: string): void => {
  writer.uint32((field << 3) | 2).string(value);
};
const whole = (writer: BinaryWriter, field: number, value: number): void => {
  writer.uint32(field << 3).int64(value);
};

/** The bytes of a small ONNX model (field numbers of onnx.proto, IR version 8, operators of set 17). */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const model = new BinaryWriter();
  whole(model, 1, 8);
  message(model, 7, (body) => {
    for (const node of graph.nodes) message(body, 1, (fields) => writeNode(fields, node));
    text(body, 2, 'tiny');
    for (const constant of graph.constants ?? [])
      message(body, 5, (fields) => writeConstant(fields, constant));
    for (const value of graph.inputs) message(body, 11, (fields) => writeValue(fields, value));
    for (const value of graph.outputs) message(body, 12, (fields) => writeValue(fields, value));
  });
  message(model, 8, (fields) => {
    text(fields, 1, '');
    whole(fields, 2, 17);
  });
  return model.finish();
}

function writeNode(fields: BinaryWriter, node: OnnxNode): void {
  for (const name of node.inputs) text(fields, 1, name);
  for (const name of node.outputs) text(fields, 2, name);
  text(fields, 4, node.operator);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message(fields, 5, (attribute) => {
      text(attribute, 1, name);
      whole(attribute, 3, value);
      whole(attribute, 20, 2);
    });
  }
}

function writeConstant(fields: BinaryWriter, { name, shape, elements }: OnnxConstant): void {
  for (const dimension of shape) whole(fields, 1, dimension);
  whole(fields, 2, elements instanceof Float32Array ? onnxElementTypes.FP32 : onnxElementTypes.INT64);
  text(fields, 8, name);
  fields
    .uint32((9 << 3) | 2)
    .bytes(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
}

function writeValue(fields: BinaryWriter, { name, datatype, shape }: OnnxValue): void {
  text(fields, 1, name);
  message(fields, 2, (type) =>
    message(type, 1, (tensor) => {
      whole(tensor, 1, onnxElementTypes[datatype]);
      message(tensor, 2, (dimensions) => {
        for (const dimension of shape) {
          message(dimensions, 1, (fields2) => {
            if (typeof dimension === 'number') whole(fields2, 1, dimension);
            else text(fields2, 2, dimension);
          });
        }
      });
    }),
  );
}

/** A model that gives back what it gets: one input `in`, one output `out`. */
export function identityModel(datatype: Datatype, shape: readonly (number | string)[] = ['n']): Uint8Array {
  return encodeOnnx({
    inputs: [{ name: 'in', datatype, shape }],
    outputs: [{ name: 'out', datatype, shape }],
    nodes: [{ operator: 'Identity', inputs: ['in'], outputs: ['out'] }],
  });
}

/** A model that scores rows: the logistic of the sum of features times weights. Input `features`, output `score`. */
export function logisticModel(weights: readonly number[]): Uint8Array {
  return encodeOnnx({
    inputs: [{ name: 'features', datatype: 'FP32', shape: ['rows', weights.length] }],
    outputs: [{ name: 'score', datatype: 'FP32', shape: ['rows', 1] }],
    nodes: [
      { operator: 'MatMul', inputs: ['features', 'weights'], outputs: ['sum'] },
      { operator: 'Sigmoid', inputs: ['sum'], outputs: ['score'] },
    ],
    constants: [{ name: 'weights', shape: [weights.length, 1], elements: Float32Array.from(weights) }],
  });
}

/**
 * A model that is small on disk and takes memory (side² floats) and time: products with a matrix of zeros that is
 * made when the model is opened. Input `in` and output `out` are FP32[1, side].
 */
export function heavyModel(side: number, products: number): Uint8Array {
  const nodes: OnnxNode[] = [{ operator: 'ConstantOfShape', inputs: ['shape'], outputs: ['matrix'] }];
  for (let step = 0; step < products; step++) {
    const last = step === products - 1;
    nodes.push({
      operator: 'MatMul',
      inputs: [step === 0 ? 'in' : `step${step}`, 'matrix'],
      outputs: [last ? 'out' : `step${step + 1}`],
    });
  }
  return encodeOnnx({
    inputs: [{ name: 'in', datatype: 'FP32', shape: [1, side] }],
    outputs: [{ name: 'out', datatype: 'FP32', shape: [1, side] }],
    nodes,
    constants: [{ name: 'shape', shape: [2], elements: BigInt64Array.from([BigInt(side), BigInt(side)]) }],
  });
}
