import type { Graph, GraphAttribute, GraphConstant, GraphNode, GraphValue } from './graph.js';

/** ONNX's numbers of the floating-point types: 32, 16 and 64 bits. */
const floats = new Set([1, 10, 11]);
const text = 8;
const truth = 9;
/** The most elements that one row may grow to on its way through a graph. */
const maxRowElements = 1 << 20;
const maxNodes = 10_000;

/** What is known of a value: a constant, or rows whose number is that of the input and whose other dimensions are `rest`. */
type Known =
  | { readonly kind: 'constant'; readonly elementType: number; readonly constant: GraphConstant }
  | { readonly kind: 'rows'; readonly elementType: number; readonly rest: readonly number[] };
type Rows = Extract<Known, { kind: 'rows' }>;

class NotRowWise extends Error {}
const refuse = (reason: string): never => {
  throw new NotRowWise(reason);
};

/**
 * Why a graph is not known to be row-wise; undefined when it is. In a row-wise graph every row of every output depends
 * on the same row of the inputs alone and memory grows with the rows, because each node is one of the operators below,
 * applied so. Such a model is harmless: it may run beside everything else, and its rows may be computed in parts.
 */
export function notRowWise(graph: Graph): string | undefined {
  try {
    if (graph.hasMore) refuse('it has functions, sparse constants or training parts');
    if (graph.nodes.length > maxNodes) refuse(`it has more than ${maxNodes} nodes`);
    const known = new Map<string, Known>();
    for (const constant of graph.constants)
      known.set(constant.name, { kind: 'constant', elementType: constant.elementType, constant });
    const inputs = graph.inputs.filter(({ name }) => !known.has(name));
    if (inputs.length === 0) refuse('it has no input');
    for (const input of inputs) known.set(input.name, rowsOf(input));
    for (const node of graph.nodes) follow(node, known);
    for (const { name } of graph.outputs) {
      if (known.get(name)?.kind !== 'rows') refuse(`its output ${name} does not come from its rows`);
    }
    return undefined;
  } catch (thrown) {
    if (thrown instanceof NotRowWise) return thrown.message;
    throw thrown;
  }
}

function rowsOf({ name, elementType, shape }: GraphValue): Known {
  const [rows, ...rest] = shape ?? [];
  if (rows !== -1) return refuse(`the first dimension of its input ${name} is not free`);
  return { kind: 'rows', elementType, rest };
}

function follow(node: GraphNode, known: Map<string, Known>): void {
  const take = rowWiseOperators[`${node.domain === 'ai.onnx' ? '' : node.domain}/${node.operator}`];
  if (take === undefined || [...node.attributes.values()].some(({ hasGraph }) => hasGraph))
    return refuse(`the operator ${node.operator} is not known to be harmless`);
  const inputs = node.inputs
    .filter((name) => name !== '')
    .map((name) => known.get(name) ?? refuse(`${node.operator} takes ${name}, which nothing gives`));
  const given = take(inputs, node);
  for (const [at, name] of node.outputs.entries()) {
    const value = given[at] ?? refuse(`${node.operator} gives more than ${given.length} outputs`);
    if (value.kind === 'rows' && elementsOf(value.rest) > maxRowElements)
      refuse(`a row of ${name} is larger than ${maxRowElements} elements`);
    if (name !== '') known.set(name, value);
  }
}

type Operator = (inputs: readonly Known[], node: GraphNode) => readonly Known[];

const elementsOf = (rest: readonly number[]): number =>
  rest.reduce((product, dimension) => product * Math.max(dimension, 1), 1);
const isFixed = (rest: readonly number[]): boolean => rest.every((dimension) => dimension >= 0);

function rows(value: Known | undefined, operator: string): Rows {
  if (value?.kind === 'rows') return value;
  return refuse(`${operator} does not take rows`);
}

function constant(value: Known | undefined, operator: string): GraphConstant {
  if (value?.kind === 'constant') return value.constant;
  return refuse(`${operator} takes what is no constant`);
}

const whole = (node: GraphNode, name: string, otherwise: number): number =>
  node.attributes.get(name)?.whole ?? otherwise;

/** Rows in, rows of the same shape out. */
const each: Operator = ([value, ...more], node) => {
  for (const other of more) constant(other, node.operator);
  return [rows(value, node.operator)];
};

/** Element by element; ranks and dimensions as fixed as it takes for rows to meet their own kind alone. */
const together =
  (elementType?: number): Operator =>
  (inputs, node) => {
    const all = inputs.filter((input) => input.kind === 'rows');
    const first = all[0] ?? refuse(`${node.operator} does not take rows`);
    if (all.length > 1 && all.some(({ rest }) => rest.length !== first.rest.length || !isFixed(rest)))
      refuse(`${node.operator} brings together rows of different or unknown shapes`);
    const rest = [...first.rest];
    for (const input of inputs) {
      const shape = input.kind === 'rows' ? [1, ...input.rest] : input.constant.shape;
      if (shape.length > rest.length + 1 || (shape.length === rest.length + 1 && shape[0] !== 1))
        refuse(`${node.operator} takes a constant that has rows of its own`);
      for (let back = 1; back <= Math.min(shape.length, rest.length); back++) {
        const [now = 1, other = 1] = [rest.at(-back), shape.at(-back)];
        rest[rest.length - back] = now === 0 || other === 0 ? 0 : Math.max(now, other);
      }
    }
    return [{ kind: 'rows', elementType: elementType ?? inputs.at(-1)?.elementType ?? 0, rest }];
  };

/** Whole numbers divided by zero stop the process. */
const divide: Operator = (inputs, node) =>
  inputs.every(({ elementType }) => floats.has(elementType))
    ? together()(inputs, node)
    : refuse(`${node.operator} divides whole numbers`);

const cast: Operator = ([value], node) => {
  const to = whole(node, 'to', 0);
  if (to === text || value?.elementType === text) return refuse('Cast makes or reads text');
  return [{ ...rows(value, node.operator), elementType: to }];
};

/** A table of rows times a constant table. */
const product: Operator = ([left, right, added], node) => {
  const { rest, elementType } = rows(left, node.operator);
  const { shape } = constant(right, node.operator);
  const isTurned = node.operator === 'Gemm' && whole(node, 'transB', 0) !== 0;
  const [inner, outer] = isTurned ? [shape[1], shape[0]] : [shape[0], shape[1]];
  if (rest.length !== 1 || shape.length !== 2 || rest[0] !== inner || outer === undefined)
    return refuse(`${node.operator} is not of a table of rows and a constant table that fits`);
  if (node.operator === 'Gemm' && whole(node, 'transA', 0) !== 0)
    return refuse('Gemm turns its rows into columns');
  if (!floats.has(elementType)) return refuse(`${node.operator} is not of floating-point numbers`);
  const sum: Rows = { kind: 'rows', elementType, rest: [outer] };
  return added === undefined ? [sum] : together()([sum, added], node);
};

/** Over an axis that is not that of the rows. */
const alongAxis: Operator = ([value], node) => {
  const table = rows(value, node.operator);
  const axis = whole(node, 'axis', -1);
  if (table.rest.length === 0 || axis === 0 || axis === -1 - table.rest.length)
    return refuse(`${node.operator} goes across rows`);
  return [table];
};

const concat: Operator = (inputs, node) => {
  const all = inputs.map((input) => rows(input, node.operator));
  const axis = whole(node, 'axis', 0);
  if (axis !== 1 || all.some(({ rest }) => rest.length !== 1 || !isFixed(rest)))
    return refuse('Concat is not of columns');
  const width = all.reduce((sum, { rest }) => sum + (rest[0] ?? 0), 0);
  return [{ kind: 'rows', elementType: all[0]?.elementType ?? 0, rest: [width] }];
};

const flatten: Operator = ([value], node) => {
  const { rest, elementType } = rows(value, node.operator);
  if (whole(node, 'axis', 1) !== 1 || !isFixed(rest)) return refuse('Flatten goes across rows');
  return [{ kind: 'rows', elementType, rest: [elementsOf(rest)] }];
};

/** A new shape for each row: the first dimension stays, whether written as -1 or as 0. */
const reshape: Operator = ([value, shape], node) => {
  const { rest, elementType } = rows(value, node.operator);
  const [first, ...wanted] = constant(shape, node.operator).wholes ?? [];
  if (
    (first !== -1 && first !== 0) ||
    !isFixed(rest) ||
    wanted.some((dimension) => dimension < 1) ||
    elementsOf(wanted) !== elementsOf(rest)
  )
    return refuse('Reshape goes across rows');
  return [{ kind: 'rows', elementType, rest: wanted }];
};

const given: Operator = (_inputs, node) => {
  const value = node.attributes.get('value')?.constant;
  if (value === undefined) return refuse('Constant is not a tensor');
  return [{ kind: 'constant', elementType: value.elementType, constant: value }];
};

/**
 * A forest whose every split looks at a column that there is and leads to nodes of its tree with higher numbers, so
 * that no row is read beyond its end and no walk comes back. ONNX Runtime checks neither.
 */
const trees: Operator = ([value], node) => {
  const { rest, elementType } = rows(value, node.operator);
  const columns = rest[0];
  if (rest.length !== 1 || columns === undefined || columns < 1)
    return refuse('a forest takes a table whose columns are not known');
  const list = (name: string): readonly number[] => node.attributes.get(name)?.wholes ?? [];
  const [ids, treeIds, features] = [list('nodes_nodeids'), list('nodes_treeids'), list('nodes_featureids')];
  const [yes, no, modes] = [
    list('nodes_truenodeids'),
    list('nodes_falsenodeids'),
    textsOf(node, 'nodes_modes'),
  ];
  const isWhole = [treeIds, features, yes, no, modes].every(({ length }) => length === ids.length);
  if (ids.length === 0 || !isWhole) return refuse('a forest has lists of different lengths');
  const there = new Set(ids.map((id, at) => `${treeIds[at]}/${id}`));
  if (there.size !== ids.length) return refuse('a forest has a node twice');
  for (const [at, id] of ids.entries()) {
    const feature = features[at] ?? -1;
    if (modes[at] === 'LEAF') continue;
    if (feature < 0 || feature >= columns) return refuse('a forest looks at a column that there is not');
    for (const child of [yes[at] ?? -1, no[at] ?? -1]) {
      if (child <= id || !there.has(`${treeIds[at]}/${child}`))
        return refuse('a forest has a split that leads back or nowhere');
    }
  }
  const float = floats.has(elementType) ? elementType : 1;
  if (node.operator === 'TreeEnsembleRegressor') {
    const targets = whole(node, 'n_targets', 0);
    const areThere = list('target_ids').every((target) => target >= 0 && target < targets);
    if (targets < 1 || !areThere) return refuse('a forest gives targets that there are not');
    return [{ kind: 'rows', elementType: 1, rest: [targets] }];
  }
  const names = textsOf(node, 'classlabels_strings').length;
  const labels = Math.max(list('classlabels_int64s').length, names);
  if (labels < 1 || !list('class_ids').every((label) => label >= 0 && label < labels))
    return refuse('a forest gives classes that there are not');
  return [
    { kind: 'rows', elementType: names > 0 ? text : 7, rest: [] },
    { kind: 'rows', elementType: float, rest: [Math.max(labels, 2)] },
  ];
};

const textsOf = (node: GraphNode, name: string): readonly string[] =>
  node.attributes.get(name)?.texts ?? ([] satisfies GraphAttribute['texts']);

/** The operators known to be harmless, and the ways of applying them that are. */
export const rowWiseOperators: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(
    [
      'Abs',
      'Ceil',
      'Clip',
      'Elu',
      'Erf',
      'Exp',
      'Floor',
      'Identity',
      'LeakyRelu',
      'Log',
      'Neg',
      'Not',
      'Reciprocal',
      'Relu',
      'Round',
      'Selu',
      'Sigmoid',
      'Softplus',
      'Sqrt',
      'Tanh',
    ].map((name) => [`/${name}`, each]),
  ),
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Max', 'Min', 'Where'].map((name) => [`/${name}`, together()])),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or'].map((name) => [
      `/${name}`,
      together(truth),
    ]),
  ),
  '/Div': divide,
  '/Cast': cast,
  '/MatMul': product,
  '/Gemm': product,
  '/Softmax': alongAxis,
  '/LogSoftmax': alongAxis,
  '/Concat': concat,
  '/Flatten': flatten,
  '/Reshape': reshape,
  '/Constant': given,
  'ai.onnx.ml/TreeEnsembleRegressor': trees,
  'ai.onnx.ml/TreeEnsembleClassifier': trees,
};
