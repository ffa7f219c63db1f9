import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openInlineModel } from '../adapters/onnx-inline-model.js';
import { readOnnx } from '../adapters/read-onnx.js';
import {
  constantModel,
  divisionModel,
  encodeOnnx,
  heavyModel,
  identityModel,
  logisticModel,
  onnxElementTypes,
  recurrentModel,
  treesModel,
  type OnnxConstant,
  type OnnxGraph,
  type OnnxNode,
} from '../testing/tiny-onnx.js';
import type { Tensor } from './datatypes.js';
import { RowCollector, sliceRows } from './row-parts.js';
import { notRowWise, rowWiseOperators } from './row-wise.js';

const width = 3;
const floats = (...values: number[]): Float32Array => Float32Array.from(values);
const whole = (name: string, ...values: number[]): OnnxConstant => ({
  name,
  shape: [values.length],
  elements: BigInt64Array.from(values.map(BigInt)),
});
const row: OnnxConstant = { name: 'row', shape: [width], elements: floats(0.5, -1, 2) };
const square: OnnxConstant = {
  name: 'square',
  shape: [width, width],
  elements: Float32Array.from({ length: width * width }, (_, at) => Math.sin(at)),
};

interface Applied {
  /** Takes `x`, FP32[rows, 3]; the last node gives `out`, FP32[rows, 3]. */
  readonly nodes: readonly OnnxNode[];
  readonly constants?: readonly OnnxConstant[];
}
const one = (operator: string, more: readonly string[] = [], rest: Partial<OnnxNode> = {}): Applied => ({
  nodes: [{ operator, inputs: ['x', ...more], outputs: ['out'], ...rest }],
});
const toFloat: OnnxNode = {
  operator: 'Cast',
  inputs: ['made'],
  outputs: ['out'],
  attributes: { to: onnxElementTypes.FP32 },
};
const compared = (operator: string): Applied => ({
  nodes: [{ operator, inputs: ['x', 'row'], outputs: ['made'] }, toFloat],
  constants: [row],
});
const logical = (operator: string, inputs: readonly string[]): Applied => ({
  nodes: [
    { operator: 'Less', inputs: ['x', 'row'], outputs: ['is'] },
    { operator, inputs, outputs: ['made'] },
    toFloat,
  ],
  constants: [row],
});
const forest = (operator: string): Applied => {
  const isClassifier = operator === 'TreeEnsembleClassifier';
  const leaves = isClassifier
    ? {
        class_treeids: [0, 0],
        class_nodeids: [1, 2],
        class_ids: [0, 2],
        class_weights: floats(0.25, 0.75),
        classlabels_int64s: [0, 1, 2],
      }
    : {
        n_targets: 3,
        target_treeids: [0, 0],
        target_nodeids: [1, 2],
        target_ids: [0, 2],
        target_weights: floats(1, 2),
      };
  const attributes = {
    nodes_treeids: [0, 0, 0],
    nodes_nodeids: [0, 1, 2],
    nodes_featureids: [1, 0, 0],
    nodes_truenodeids: [1, 0, 0],
    nodes_falsenodeids: [2, 0, 0],
    nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
    nodes_values: floats(0.5, 0, 0),
    ...leaves,
  };
  const outputs = isClassifier ? ['label', 'out'] : ['out'];
  return { nodes: [{ operator, domain: 'ai.onnx.ml', inputs: ['x'], outputs, attributes }] };
};

/** A way to apply each operator that is taken for harmless. */
const ways: Readonly<Record<string, Applied>> = {
  ...Object.fromEntries(
    [
      'Abs',
      'Ceil',
      'Elu',
      'Erf',
      'Exp',
      'Floor',
      'Identity',
      'LeakyRelu',
      'Log',
      'Neg',
      'Reciprocal',
      'Relu',
      'Round',
      'Selu',
      'Sigmoid',
      'Softplus',
      'Sqrt',
      'Tanh',
      'Softmax',
      'LogSoftmax',
    ].map((operator) => [`/${operator}`, one(operator)]),
  ),
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'].map((operator) => [
      `/${operator}`,
      { ...one(operator, ['row']), constants: [row] },
    ]),
  ),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((operator) => [
      `/${operator}`,
      compared(operator),
    ]),
  ),
  '/And': logical('And', ['is', 'is']),
  '/Or': logical('Or', ['is', 'is']),
  '/Not': logical('Not', ['is']),
  '/Where': {
    nodes: [
      { operator: 'Less', inputs: ['x', 'row'], outputs: ['is'] },
      { operator: 'Where', inputs: ['is', 'x', 'row'], outputs: ['out'] },
    ],
    constants: [row],
  },
  '/Clip': {
    ...one('Clip', ['low', 'high']),
    constants: [
      { name: 'low', shape: [], elements: floats(-0.5) },
      { name: 'high', shape: [], elements: floats(0.5) },
    ],
  },
  '/Cast': one('Cast', [], { attributes: { to: onnxElementTypes.FP32 } }),
  '/MatMul': { ...one('MatMul', ['square']), constants: [square] },
  '/Gemm': { ...one('Gemm', ['square', 'row'], { attributes: { transB: 1 } }), constants: [square, row] },
  '/Concat': {
    nodes: [
      { operator: 'Concat', inputs: ['x', 'x'], outputs: ['wide'], attributes: { axis: 1 } },
      { operator: 'MatMul', inputs: ['wide', 'tall'], outputs: ['out'] },
    ],
    constants: [{ name: 'tall', shape: [2 * width, width], elements: new Float32Array(18).fill(0.5) }],
  },
  '/Flatten': one('Flatten', [], { attributes: { axis: 1 } }),
  '/Reshape': {
    nodes: [
      { operator: 'Reshape', inputs: ['x', 'apart'], outputs: ['cubes'] },
      { operator: 'Reshape', inputs: ['cubes', 'back'], outputs: ['out'] },
    ],
    constants: [whole('apart', -1, width, 1), whole('back', 0, width)],
  },
  '/Constant': {
    nodes: [
      { operator: 'Constant', inputs: [], outputs: ['c'], attributes: { value: { constant: row } } },
      { operator: 'Add', inputs: ['x', 'c'], outputs: ['out'] },
    ],
  },
  'ai.onnx.ml/TreeEnsembleRegressor': forest('TreeEnsembleRegressor'),
  'ai.onnx.ml/TreeEnsembleClassifier': forest('TreeEnsembleClassifier'),
};

/** Ways one after the other: what one gives the next takes. */
function chained(keys: readonly string[]): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const constants: OnnxConstant[] = [];
  for (const [at, key] of keys.entries()) {
    const way = ways[key] ?? { nodes: [] };
    const named = (name: string): string => {
      if (name === 'x') return at === 0 ? 'in' : `out${at - 1}`;
      if (name === 'out' && at === keys.length - 1) return 'out';
      return `${name}${at}`;
    };
    for (const node of way.nodes)
      nodes.push({ ...node, inputs: node.inputs.map(named), outputs: node.outputs.map(named) });
    for (const constant of way.constants ?? []) constants.push({ ...constant, name: named(constant.name) });
  }
  return {
    inputs: [{ name: 'in', datatype: 'FP32', shape: ['rows', width] }],
    outputs: [{ name: 'out', datatype: 'FP32', shape: ['rows', width] }],
    nodes,
    constants,
  };
}

async function whyOf(model: Uint8Array): Promise<string | undefined> {
  const { graph } = await readOnnx(model);
  return graph === undefined ? 'not looked at' : notRowWise(graph);
}

const table = (rows: number): Tensor => ({
  name: 'in',
  datatype: 'FP32',
  shape: [rows, width],
  elements: Float32Array.from({ length: rows * width }, (_, at) => Math.sin(at * 1.7) * 3),
});

/** Runs rows whole and in parts, and compares. */
async function expectSameInParts(model: Uint8Array, rows: number, cuts: readonly number[]): Promise<void> {
  const session = await openInlineModel(model);
  const whole = (await session.run([table(rows)], ['out'])).outputs[0];
  expect(whole?.shape).toEqual([rows, width]);
  const edges = [0, ...[...new Set(cuts.map((cut) => cut % (rows + 1)))].sort((a, b) => a - b), rows];
  const parts = new RowCollector(rows);
  for (let at = 1; at < edges.length; at++) {
    const [from = 0, to = 0] = [edges[at - 1], edges[at]];
    if (from === to) continue;
    parts.add((await session.run(sliceRows([table(rows)], from, to), ['out'])).outputs, to - from);
  }
  const together = parts.outputs()[0]?.elements ?? [];
  for (const [at, value] of [...((whole?.elements ?? []) as Float32Array)].entries()) {
    const other = together[at];
    if (Number.isFinite(value))
      expect(other).toBeCloseTo(value, 3 - Math.ceil(Math.log10(Math.abs(value) + 1)));
    else expect(other).toEqual(value);
  }
  await session.close();
}

describe('row-wise graphs', () => {
  it('have a way of applying each of their operators in this spec', () => {
    expect(Object.keys(ways).sort()).toEqual(Object.keys(rowWiseOperators).sort());
  });

  it.each(Object.keys(ways))(
    '%s is one, and gives without rows, and in parts, what it gives whole',
    async (key) => {
      const model = encodeOnnx(chained([key]));
      expect(await whyOf(model)).toBeUndefined();
      for (const rows of [0, 1, 2, 7]) await expectSameInParts(model, rows, [1, 3]);
    },
  );

  it('stay so in any order, and their rows can be cut anywhere', async () => {
    // Of a value near a step, the last digit decides; steps are tried alone above.
    const steps = /Equal|Greater|Less|And|Or|Not|Where|Ceil|Floor|Round|Tree/;
    const smooth = Object.keys(ways).filter(
      (key) => !steps.test(key) && !/Exp|Reciprocal|Log$|Sqrt/.test(key),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...smooth), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: 300 }),
        fc.array(fc.nat(300), { maxLength: 6 }),
        async (keys, rows, cuts) => {
          const model = encodeOnnx(chained(keys));
          expect(await whyOf(model)).toBeUndefined();
          await expectSameInParts(model, rows, cuts);
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a recurrent node', recurrentModel(), /the operator Unsqueeze is not known to be harmless/],
    ['whole numbers divided', divisionModel(), /Div divides whole numbers/],
    ['a batch of fixed size', heavyModel(8, 1), /the first dimension of its input in is not free/],
    [
      'no rows in what it gives',
      constantModel(floats(1, 2)),
      /the first dimension of its input in is not free/,
    ],
    ...(
      [
        ['a product across rows', [{ operator: 'Transpose', inputs: ['in'], outputs: ['t'] }]],
        [
          'rows turned by Gemm',
          [{ operator: 'Gemm', inputs: ['in', 'square'], outputs: ['out'], attributes: { transA: 1 } }],
        ],
        [
          'a softmax across rows',
          [{ operator: 'Softmax', inputs: ['in'], outputs: ['out'], attributes: { axis: 0 } }],
        ],
        [
          'rows put behind rows',
          [{ operator: 'Concat', inputs: ['in', 'in'], outputs: ['out'], attributes: { axis: 0 } }],
        ],
        ['rows cut anew', [{ operator: 'Reshape', inputs: ['in', 'flat'], outputs: ['out'] }]],
        [
          'a constant with rows of its own',
          [{ operator: 'Add', inputs: ['in', 'square'], outputs: ['out'] }],
        ],
        [
          'an operator of another set',
          [{ operator: 'Relu', domain: 'com.example', inputs: ['in'], outputs: ['out'] }],
        ],
        [
          'texts made',
          [
            {
              operator: 'Cast',
              inputs: ['in'],
              outputs: ['out'],
              attributes: { to: onnxElementTypes.BYTES },
            },
          ],
        ],
        ['what nothing gives', [{ operator: 'Add', inputs: ['in', 'nothing'], outputs: ['out'] }]],
        [
          'a graph within',
          [
            {
              operator: 'Relu',
              inputs: ['in'],
              outputs: ['out'],
              attributes: { body: { graph: { inputs: [], outputs: [], nodes: [] } } },
            },
          ],
        ],
      ] satisfies [string, OnnxNode[]][]
    ).map(([title, nodes]): [string, Uint8Array, RegExp] => [
      title,
      encodeOnnx({ ...chained([]), nodes, constants: [square, whole('flat', -1, 1)] }),
      /./,
    ]),
  ])('are not those with %s', async (_title, model, reason) => {
    expect(await whyOf(model)).toMatch(reason);
  });

  it('are not forests that look beyond their columns or lead back', async () => {
    const [node] = forest('TreeEnsembleRegressor').nodes;
    if (node === undefined) throw new Error('no node');
    for (const [attributes, reason] of [
      [{ nodes_featureids: [3, 0, 0] }, /a column that there is not/],
      [{ nodes_featureids: [-1, 0, 0] }, /a column that there is not/],
      [{ nodes_truenodeids: [0, 0, 0] }, /leads back or nowhere/],
      [{ nodes_falsenodeids: [9, 0, 0] }, /leads back or nowhere/],
      [{ nodes_nodeids: [0, 1, 1] }, /a node twice/],
      [{ nodes_modes: ['LEAF'] }, /lists of different lengths/],
      [{ target_ids: [0, 7] }, /targets that there are not/],
    ] as const) {
      const changed = { ...node, inputs: ['in'], attributes: { ...node.attributes, ...attributes } };
      expect(await whyOf(encodeOnnx({ ...chained([]), nodes: [changed] }))).toMatch(reason);
    }
  });

  it('are the models that people are scored with', async () => {
    for (const model of [
      logisticModel([1, 2]),
      treesModel(20, 5, 7),
      identityModel('BYTES', ['rows', 'columns']),
    ])
      expect(await whyOf(model)).toBeUndefined();
  });
});
