import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RapportError } from '@rapport/kernel';
import { elementCount, viewOf, type Datatype, type Tensor } from '../domain/datatypes.js';
import { notRowWise } from '../domain/row-wise.js';
import type { ModelProcess } from '../ports/model-runtime.js';
import {
  constantModel,
  encodeOnnx,
  logisticModel,
  recurrentModel,
  treesModel,
  type OnnxNode,
} from '../testing/tiny-onnx.js';
import { onnxRuntime } from './onnx-runtime.js';
import { readOnnx } from './read-onnx.js';

// Operators with sizes and values that exporters never make, and files that nobody exported: whatever native code does
// to the process it is in, this one goes on, and what is taken for harmless does nothing of the kind.

const runtime = onnxRuntime(5_000);
const open = (bytes: Uint8Array) => runtime.openProcess({ path: '', sha256: '', bytes, external: [] });

const words = (text: string): string[] => text.trim().split(/\s+/);
const some = (count: number, hasAxis: boolean, names: string) =>
  words(names).map((name) => [name, count, hasAxis] as const);

/** Operators, by the number of their inputs and whether they take an axis. */
const operators = [
  ...some(
    1,
    false,
    `Abs Acos Ceil Cos Elu Erf Exp Flatten Floor GlobalAveragePool GlobalMaxPool HardSigmoid Identity IsInf IsNaN
     LeakyRelu Log Neg NonZero Not Reciprocal Relu Round Selu Shape Sigmoid Sign Sin Size Softplus Sqrt Squeeze Tan
     Tanh Transpose Trilu Unique ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum`,
  ),
  ...some(1, true, 'ArgMax ArgMin Softmax LogSoftmax Flatten LpNormalization Split'),
  ...some(
    2,
    false,
    `Add Sub Mul Div Mod Pow And Or Xor Equal Greater Less LessOrEqual Max Min Mean Sum MatMul Gemm PRelu Expand Tile
     Reshape Unsqueeze Squeeze CumSum GatherND Conv ConvTranspose TopK ReduceSum`,
  ),
  ...some(2, true, 'Concat Gather GatherElements Compress'),
  ...some(3, false, 'Where Range Clip Slice ScatterND Pad InstanceNormalization'),
];

const datatype = fc.constantFrom<Datatype>('FP32', 'FP32', 'INT64', 'INT32', 'BOOL');
const size = fc.constantFrom(0, 1, 1, 2, 3, 7);
const input = fc.record({ datatype, shape: fc.array(size, { maxLength: 4 }) });
const node = fc.record({
  operator: fc.constantFrom(...operators),
  inputs: fc.array(input, { minLength: 3, maxLength: 3 }),
  axis: fc.constantFrom(-1, 0, 1, 2, 1_000_000),
  areAlike: fc.boolean(),
});
const values = fc.constantFrom(0, -1, 1, 2, -(2 ** 31), 2 ** 31 - 1);

function tensor(name: string, type: Datatype, shape: readonly number[], value: number): Tensor {
  const count = elementCount(shape);
  if (type === 'BYTES') throw new Error('no texts here');
  const elements = viewOf(type, new ArrayBuffer(count * 8), 0, count);
  if (type === 'INT64') (elements as BigInt64Array).fill(value === -(2 ** 31) ? -(2n ** 63n) : BigInt(value));
  else (elements as Float32Array).fill(type === 'BOOL' ? value & 1 : value);
  return { name, datatype: type, shape, elements };
}

/** What became of it; anything but an answer or a coded error is a fault of ours. */
async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'answered';
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RapportError);
    return (thrown as RapportError).code;
  }
}

const runs = 250;

describe('native code', () => {
  it('may do to its process what it likes, over whatever it is asked', async () => {
    const seen = new Map<string, number>();
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(node, fc.array(values, { minLength: 4, maxLength: 4 }), async (made, fills) => {
        const [operator, count, hasAxis] = made.operator;
        const named = made.inputs.slice(0, count).map((each, at) => ({
          ...(made.areAlike ? (made.inputs[0] ?? each) : each),
          name: `in${at}`,
        }));
        const only: OnnxNode = {
          operator,
          inputs: named.map(({ name }) => name),
          outputs: ['out'],
          attributes: hasAxis ? { axis: made.axis } : {},
        };
        const model = encodeOnnx({
          inputs: named.map(({ name, datatype: type, shape }) => ({
            name,
            datatype: type,
            shape: shape.map((_, axis) => `d${axis}`),
          })),
          outputs: [{ name: 'out' }],
          nodes: [only],
        });
        const { graph } = await readOnnx(model);
        const isHarmless = graph !== undefined && notRowWise(graph) === undefined;
        let process: ModelProcess | undefined;
        let outcome = await outcomeOf(open(model).then((opened) => (process = opened)));
        if (process !== undefined) {
          const inputs = named.map(({ name, datatype: type, shape }, at) =>
            tensor(name, type, shape, fills[at] ?? 0),
          );
          outcome = await outcomeOf(process.run(inputs, ['out']));
          await process.close();
        }
        expect(['answered', 'MODELS_VERSION_BROKEN', 'MODELS_INFERENCE_FAILED', 'MODELS_CRASHED']).toContain(
          outcome,
        );
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (isHarmless) expect(outcome).not.toBe('MODELS_CRASHED');
        if (outcome === 'MODELS_CRASHED') seen.set(operator, (seen.get(operator) ?? 0) + 1);
      }),
      { numRuns: runs },
    );
    process.stderr.write(`operators that ended their process: ${JSON.stringify([...seen])}\n`);
    process.stderr.write(`what became of them: ${JSON.stringify([...outcomes])}\n`);
    // Otherwise it would be our models that are no models.
    expect(outcomes.get('answered')).toBeGreaterThan(runs / 10);
  }, 600_000);

  it('opens or refuses whatever lies there as a model', async () => {
    const models = [
      logisticModel([1, 2]),
      recurrentModel(),
      treesModel(3, 3, 2),
      constantModel(new Float32Array(3)),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...models),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        async (model, changes) => {
          const file = model.slice();
          for (const [at, byte] of changes) file[at % file.length] = byte;
          const outcome = await outcomeOf(open(file).then((process) => process.close()));
          expect(['answered', 'MODELS_VERSION_BROKEN']).toContain(outcome);
        },
      ),
      { numRuns: 100 },
    );
  }, 600_000);
});
