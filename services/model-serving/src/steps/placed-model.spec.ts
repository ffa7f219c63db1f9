import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CostModel } from '../domain/cost-model.js';
import type { Tensor } from '../domain/datatypes.js';
import type { Signature } from '../domain/signature.js';
import type { ModelProcess, ModelSession } from '../ports/model-runtime.js';
import { PlacedModel } from './placed-model.js';
import { ProcessLane } from './process-lane.js';

const inlineMaxMs = 0.2;
const width = 4;
const signature: Signature = {
  inputs: [{ name: 'in', datatype: 'FP32', shape: [-1, width] }],
  outputs: [{ name: 'out', datatype: 'FP32', shape: [-1, width] }],
  takesNoRows: true,
};

const rowsFrom = (rows: number): Tensor => ({
  name: 'in',
  datatype: 'FP32',
  shape: [rows, width],
  elements: Float32Array.from({ length: rows * width }, (_, at) => at),
});

const bytesOf = (elements: unknown): Uint8Array => new Uint8Array((elements as Float32Array).buffer);

/** A session that doubles what it gets, takes so long for each element, and counts what it was asked. */
class Doubling implements ModelSession {
  readonly signature = signature;
  readonly asked: number[] = [];
  /** While it is set, runs wait. */
  gate: Promise<void> | undefined;

  constructor(readonly msPerElement: number) {}

  async run(inputs: readonly Tensor[]) {
    await this.gate;
    const [input] = inputs;
    if (input === undefined) throw new Error('no input');
    const elements = (input.elements as Float32Array).map((value) => value * 2);
    this.asked.push(elements.length);
    const computeMs = elements.length * this.msPerElement;
    return { outputs: [{ ...input, name: 'out', elements }], computeMs };
  }

  async close(): Promise<void> {}
}

function placed(msPerElement: number, expectedMsPerElement = msPerElement) {
  const inline = new Doubling(msPerElement);
  const apart = new Doubling(msPerElement);
  const process: ModelProcess = Object.assign(apart, { ended: () => undefined });
  const lane = new ProcessLane({
    open: async () => process,
    idleMs: 60_000,
    nowMs: () => performance.now(),
    onCrash: () => undefined,
  });
  const cost = new CostModel(
    { elements: width, ms: width * expectedMsPerElement },
    { elements: 100 * width, ms: 100 * width * expectedMsPerElement },
  );
  return { model: new PlacedModel(signature, lane, { cost, inline }, inlineMaxMs), inline, apart };
}

describe('where a call runs', () => {
  it('follows from its rows and what they cost: no run in the serving thread is expected to take longer than it may', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: -6, max: -1, noNaN: true }).map((power) => 10 ** power),
        fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 6 }),
        async (msPerElement, calls) => {
          const { model, inline, apart } = placed(msPerElement);
          for (const rows of calls) {
            const { outputs } = await model.run([rowsFrom(rows)], ['out']);
            expect(outputs[0]?.shape).toEqual([rows, width]);
            const doubled = (rowsFrom(rows).elements as Float32Array).map((value) => value * 2);
            expect(Buffer.compare(bytesOf(outputs[0]?.elements), bytesOf(doubled))).toBe(0);
          }
          for (const elements of inline.asked)
            expect(elements * msPerElement).toBeLessThan(inlineMaxMs * 1.5 + width * msPerElement);
          // Parts of 50 ms, but at least a row.
          for (const elements of apart.asked)
            expect(elements * msPerElement).toBeLessThan(Math.max(100, 2 * width * msPerElement));
          await model.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is not decided for good by what was measured at first', async () => {
    // A thousand times as slow as it seemed when it was loaded, and as quick again.
    for (const [ms, expectedMs] of [
      [1e-3, 1e-6],
      [1e-6, 1e-3],
    ] as const) {
      const { model, inline, apart } = placed(ms, expectedMs);
      for (let call = 0; call < 200; call++) await model.run([rowsFrom(100)], ['out']);
      const before = [inline.asked.length, apart.asked.length];
      await model.run([rowsFrom(100)], ['out']);
      expect([inline.asked.length, apart.asked.length].map((now, at) => now - (before[at] ?? 0))).toEqual(
        ms > expectedMs ? [0, 1] : [1, 0],
      );
      await model.close();
    }
  });

  it('is nowhere when too much waits already, and there is room again afterwards', async () => {
    const { model, apart } = placed(1);
    let open = (): void => undefined;
    apart.gate = new Promise((resolve) => (open = resolve));
    const calls = Array.from({ length: 80 }, () =>
      model.run([rowsFrom(3)], ['out']).then(
        () => 'answered',
        (thrown: { code: string; status: string }) => `${thrown.code} ${thrown.status}`,
      ),
    );
    open();
    const answers = await Promise.all(calls);
    expect(answers.filter((answer) => answer === 'answered')).toHaveLength(64);
    expect(answers.filter((answer) => answer === 'MODELS_BUSY exhausted')).toHaveLength(16);
    expect((await model.run([rowsFrom(3)], ['out'])).outputs).toHaveLength(1);
    await model.close();
  });
});
