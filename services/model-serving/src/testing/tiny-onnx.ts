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
  /** The operator's set; default: ONNX's own. */
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A whole number, text, 32-bit floats, whole numbers, texts, a constant, or a graph within. */
export type OnnxAttribute =
  | number
  | string
  | Float32Array
  | readonly number[]
  | readonly string[]
  | { readonly constant: OnnxConstant }
  | { readonly graph: OnnxGraph };

/** A constant of 32-bit floats or 64-bit whole numbers. */
export interface OnnxConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elements: Float32Array | BigInt64Array;
  /** Where the elements lie in place of being in the model: external data. */
  readonly location?: string;
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  /** A name alone: the runtime works out the rest. */
  readonly outputs: readonly (OnnxValue | { readonly name: string })[];
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

/** The bytes of a small ONNX model (field numbers of onnx.proto, IR version 8, operators of set 17 and of ML set 3). */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const model = new BinaryWriter();
  whole(model, 1, 8);
  message(model, 7, (body) => writeGraph(body, graph));
  for (const [domain, version] of [
    ['', 17],
    ['ai.onnx.ml', 3],
  ] as const) {
    message(model, 8, (fields) => {
      text(fields, 1, domain);
      whole(fields, 2, version);
    });
  }
  return model.finish();
}

function writeGraph(body: BinaryWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) message(body, 1, (fields) => writeNode(fields, node));
  text(body, 2, 'tiny');
  for (const constant of graph.constants ?? []) message(body, 5, (fields) => writeConstant(fields, constant));
  for (const value of graph.inputs) message(body, 11, (fields) => writeValue(fields, value));
  for (const value of graph.outputs)
    message(body, 12, (fields) =>
      'shape' in value ? writeValue(fields, value) : text(fields, 1, value.name),
    );
}

function writeNode(fields: BinaryWriter, node: OnnxNode): void {
  for (const name of node.inputs) text(fields, 1, name);
  for (const name of node.outputs) text(fields, 2, name);
  text(fields, 4, node.operator);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message(fields, 5, (attribute) => {
      text(attribute, 1, name);
      writeAttribute(attribute, value);
    });
  }
  if (node.domain !== undefined) text(fields, 7, node.domain);
}

function writeAttribute(fields: BinaryWriter, value: OnnxAttribute): void {
  const write = (type: number, each: () => void): void => {
    each();
    whole(fields, 20, type);
  };
  if (typeof value === 'number') write(2, () => whole(fields, 3, value));
  else if (typeof value === 'string') write(3, () => text(fields, 4, value));
  else if (value instanceof Float32Array) {
    write(6, () => {
      for (const each of value) fields.uint32((7 << 3) | 5).float(each);
    });
  } else if ('constant' in value)
    write(4, () => message(fields, 5, (constant) => writeConstant(constant, value.constant)));
  else if ('graph' in value) write(5, () => message(fields, 6, (graph) => writeGraph(graph, value.graph)));
  else if (typeof value[0] === 'string') {
    write(8, () => {
      for (const each of value as readonly string[]) text(fields, 9, each);
    });
  } else {
    write(7, () => {
      for (const each of value as readonly number[]) whole(fields, 8, each);
    });
  }
}

function writeConstant(fields: BinaryWriter, { name, shape, elements, location }: OnnxConstant): void {
  for (const dimension of shape) whole(fields, 1, dimension);
  whole(fields, 2, elements instanceof Float32Array ? onnxElementTypes.FP32 : onnxElementTypes.INT64);
  text(fields, 8, name);
  if (location !== undefined) {
    message(fields, 13, (entry) => {
      text(entry, 1, 'location');
      text(entry, 2, location);
    });
    whole(fields, 14, 1);
    return;
  }
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

/** A model with a recurrent node, which ONNX Runtime 1.30 aborts on when there are no rows. Input `in` FP32[rows, 4], output `out`. */
export function recurrentModel(): Uint8Array {
  const random = (count: number): Float32Array =>
    Float32Array.from({ length: count }, (_, at) => Math.sin(at));
  return encodeOnnx({
    inputs: [{ name: 'in', datatype: 'FP32', shape: ['rows', 4] }],
    outputs: [{ name: 'out', datatype: 'FP32', shape: [1, 1, 3] }],
    nodes: [
      { operator: 'Unsqueeze', inputs: ['in', 'axes'], outputs: ['steps'] },
      {
        operator: 'GRU',
        inputs: ['steps', 'weights', 'recurrence'],
        outputs: ['', 'out'],
        attributes: { hidden_size: 3 },
      },
    ],
    constants: [
      { name: 'axes', shape: [1], elements: BigInt64Array.from([1n]) },
      { name: 'weights', shape: [1, 9, 4], elements: random(36) },
      { name: 'recurrence', shape: [1, 9, 3], elements: random(27) },
    ],
  });
}

/** A model that divides whole numbers; the processor stops a program that divides the lowest by -1. Inputs `in` and `by` INT32[n], output `out`. */
export function divisionModel(): Uint8Array {
  const value = (name: string): OnnxValue => ({ name, datatype: 'INT32', shape: ['n'] });
  return encodeOnnx({
    inputs: [value('in'), value('by')],
    outputs: [value('out')],
    nodes: [{ operator: 'Div', inputs: ['in', 'by'], outputs: ['out'] }],
  });
}

/** A model that the processor stops the program over while it is opened: a division of constants, done beforehand. */
export function fatalModel(): Uint8Array {
  const constant = (name: string, value: bigint): OnnxConstant => ({
    name,
    shape: [1],
    elements: BigInt64Array.of(value),
  });
  return encodeOnnx({
    inputs: [{ name: 'in', datatype: 'INT64', shape: ['n'] }],
    outputs: [{ name: 'out', datatype: 'INT64', shape: ['n'] }],
    nodes: [
      { operator: 'Div', inputs: ['lowest', 'by'], outputs: ['quotient'] },
      { operator: 'Add', inputs: ['in', 'quotient'], outputs: ['out'] },
    ],
    constants: [constant('lowest', -(2n ** 63n)), constant('by', -1n)],
  });
}

/** Full binary trees whose every split looks at one of the columns. Input `features` FP32[rows, columns], output `score`. */
export function treesModel(trees: number, depth: number, columns: number): Uint8Array {
  const inner = 2 ** (depth - 1) - 1;
  const nodes = 2 ** depth - 1;
  const tree = {
    trees: [] as number[],
    ids: [] as number[],
    features: [] as number[],
    yes: [] as number[],
    no: [] as number[],
    modes: [] as string[],
    values: [] as number[],
  };
  const leaf = { trees: [] as number[], ids: [] as number[], zeros: [] as number[], weights: [] as number[] };
  for (let at = 0; at < trees; at++) {
    for (let node = 0; node < nodes; node++) {
      const isInner = node < inner;
      tree.trees.push(at);
      tree.ids.push(node);
      tree.features.push(isInner ? (at + node) % columns : 0);
      tree.yes.push(isInner ? 2 * node + 1 : 0);
      tree.no.push(isInner ? 2 * node + 2 : 0);
      tree.modes.push(isInner ? 'BRANCH_LEQ' : 'LEAF');
      tree.values.push(isInner ? Math.sin(at * nodes + node) : 0);
      if (isInner) continue;
      leaf.trees.push(at);
      leaf.ids.push(node);
      leaf.zeros.push(0);
      leaf.weights.push(Math.cos(at * nodes + node) / trees);
    }
  }
  return encodeOnnx({
    inputs: [{ name: 'features', datatype: 'FP32', shape: ['rows', columns] }],
    outputs: [{ name: 'score', datatype: 'FP32', shape: ['rows', 1] }],
    nodes: [
      {
        operator: 'TreeEnsembleRegressor',
        domain: 'ai.onnx.ml',
        inputs: ['features'],
        outputs: ['score'],
        attributes: {
          n_targets: 1,
          nodes_treeids: tree.trees,
          nodes_nodeids: tree.ids,
          nodes_featureids: tree.features,
          nodes_truenodeids: tree.yes,
          nodes_falsenodeids: tree.no,
          nodes_modes: tree.modes,
          nodes_values: Float32Array.from(tree.values),
          target_treeids: leaf.trees,
          target_nodeids: leaf.ids,
          target_ids: leaf.zeros,
          target_weights: Float32Array.from(leaf.weights),
        },
      },
    ],
  });
}

/** A constant given out as it is; it lies in another file when a location is given. Input `in` FP32[1], output `out`. */
export function constantModel(elements: Float32Array, location?: string): Uint8Array {
  const shape = [elements.length];
  return encodeOnnx({
    inputs: [{ name: 'in', datatype: 'FP32', shape: [1] }],
    outputs: [{ name: 'out', datatype: 'FP32', shape }],
    nodes: [{ operator: 'Mul', inputs: ['in', 'constant'], outputs: ['out'] }],
    constants: [{ name: 'constant', shape, elements, ...(location === undefined ? {} : { location }) }],
  });
}
