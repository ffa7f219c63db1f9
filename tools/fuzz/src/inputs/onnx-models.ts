import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** The part of onnx.proto that the models here need. */
const onnx = protobuf
  .parse(
    `
syntax = "proto3";
message Model { int64 ir_version = 1; Graph graph = 7; repeated Operators opset_import = 8; }
message Operators { string domain = 1; int64 version = 2; }
message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; repeated Value input = 11; repeated Value output = 12; }
message Node { repeated string input = 1; repeated string output = 2; string op_type = 4; repeated Attribute attribute = 5; }
message Attribute { string name = 1; int64 i = 3; int32 type = 20; }
message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
message Value { string name = 1; Type type = 2; }
message Type { TensorType tensor_type = 1; }
message TensorType { int32 elem_type = 1; Shape shape = 2; }
message Shape { repeated Dimension dim = 1; }
message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
`,
  )
  .root.lookupType('Model');

/** Datatypes of the protocol with ONNX's numbers (TensorProto.DataType). */
export const datatypes: Readonly<Record<string, number>> = {
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

/** A model of this folder: what its one input, `in`, is. */
export interface FuzzedModel {
  readonly name: string;
  readonly datatype: string;
  /** A text is a dimension that may vary. */
  readonly shape: readonly (number | string)[];
}

interface Graph {
  readonly nodes: readonly object[];
  readonly constants?: readonly object[];
  readonly outputShape: readonly (number | string)[];
}

const valueOf = (name: string, datatype: string, shape: readonly (number | string)[]): object => ({
  name,
  type: {
    tensorType: {
      elemType: datatypes[datatype],
      shape: {
        dim: shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })),
      },
    },
  },
});

function encode({ datatype, shape }: FuzzedModel, { nodes, constants = [], outputShape }: Graph): Uint8Array {
  const model = onnx.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'fuzzed',
      node: nodes,
      initializer: constants,
      input: [valueOf('in', datatype, shape)],
      output: [valueOf('out', datatype, outputShape)],
    },
  });
  return onnx.encode(model).finish();
}

const same = (shape: readonly (number | string)[]): Graph => ({
  nodes: [{ opType: 'Identity', input: ['in'], output: ['out'] }],
  outputShape: shape,
});

const floats = (name: string, dims: readonly number[]): object => ({
  name,
  dims,
  dataType: 1,
  rawData: Buffer.from(
    Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, at) => Math.sin(at))
      .buffer,
  ),
});

const hidden = 3;
/** Operators of this kind are written in C++ that ends the process where a size is 0. */
const recurrent = (operator: 'GRU' | 'LSTM' | 'RNN', gates: number): Graph => ({
  nodes: [
    {
      opType: operator,
      input: ['in', 'weights', 'recurrence'],
      output: ['out'],
      attribute: [{ name: 'hidden_size', i: hidden, type: 2 }],
    },
  ],
  constants: [floats('weights', [1, gates * hidden, 4]), floats('recurrence', [1, gates * hidden, hidden])],
  outputShape: ['steps', 1, 'batch', hidden],
});

const steps = ['steps', 'batch', 4];
const models: readonly (readonly [FuzzedModel, Graph])[] = [
  ...Object.keys(datatypes).map((datatype): [FuzzedModel, Graph] => [
    { name: `same_${datatype.toLowerCase()}`, datatype, shape: ['n'] },
    same(['n']),
  ]),
  [{ name: 'grid', datatype: 'FP32', shape: ['a', 'b'] }, same(['a', 'b'])],
  [{ name: 'gru', datatype: 'FP32', shape: steps }, recurrent('GRU', 3)],
  [{ name: 'lstm', datatype: 'FP32', shape: steps }, recurrent('LSTM', 4)],
  [{ name: 'rnn', datatype: 'FP32', shape: steps }, recurrent('RNN', 1)],
];

export const fuzzedModels: readonly FuzzedModel[] = models.map(([model]) => model);

/** Writes the models beside those that are there. */
export function writeModels(modelsDir: string): void {
  for (const [model, graph] of models) {
    const folder = join(modelsDir, model.name, '1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'model.onnx'), encode(model, graph));
  }
}
