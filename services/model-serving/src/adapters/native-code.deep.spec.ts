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

const operators =
  `Abs Acos Add And ArgMax ArgMin AveragePool BitShift Ceil Clip Compress Concat Conv ConvTranspose Cos
 CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements
 GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GridSample HardSigmoid Identity InstanceNormalization IsInf IsNaN
 LRN LSTM LeakyRelu Less Log LogSoftmax LpNormalization MatMul Max MaxPool Mean Min Mod Mul Neg NonMaxSuppression
 NonZero Not OneHot Or PRelu Pad Pow RNN RandomNormalLike Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd
 ReduceSum Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus
 SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh Tile TopK Transpose Trilu Unique Unsqueeze Where Xor`
    .split(/\s+/)
    .filter((name) => name !== '');

const datatype = fc.constantFrom<Datatype>('FP32', 'FP32', 'INT64', 'INT32', 'BOOL');
const size = fc.constantFrom(0, 1, 1, 2, 3, 7);
const input = fc.record({ datatype, shape: fc.array(size, { maxLength: 4 }) });
const node = fc.record({
  operator: fc.constantFrom(...operators),
  inputs: fc.array(input, { minLength: 1, maxLength: 4 }),
  attributes: fc.dictionary(
    fc.constantFrom('axis', 'hidden_size', 'to', 'blocksize', 'keepdims', 'k', 'group', 'num_outputs'),
    fc.constantFrom(-1, 0, 1, 2, 3, 1_000_000),
    { maxKeys: 2 },
  ),
  areAlike: fc.boolean(),
  kernel: fc.option(fc.constant([1, 1]), { nil: undefined }),
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

describe('native code', () => {
  it('may do to its process what it likes, over whatever it is asked', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(node, fc.array(values, { minLength: 4, maxLength: 4 }), async (made, fills) => {
        const named = made.inputs.map((each, at) => ({
          ...(made.areAlike ? (made.inputs[0] ?? each) : each),
          name: `in${at}`,
        }));
        const only: OnnxNode = {
          operator: made.operator,
          inputs: named.map(({ name }) => name),
          outputs: ['out'],
          attributes: { ...made.attributes, ...(made.kernel && { kernel_shape: made.kernel }) },
        };
        const model = encodeOnnx({
          inputs: named.map(({ name, datatype: type, shape }) => ({
            name,
            datatype: type,
            shape: shape.map((_, axis) => `d${axis}`),
          })),
          outputs: [{ name: 'out', datatype: named[0]?.datatype ?? 'FP32', shape: [] }],
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
        if (isHarmless) expect(outcome).not.toBe('MODELS_CRASHED');
        if (outcome === 'MODELS_CRASHED') seen.set(made.operator, (seen.get(made.operator) ?? 0) + 1);
      }),
      { numRuns: 300 },
    );
    process.stderr.write(`operators that ended their process: ${JSON.stringify([...seen])}\n`);
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
