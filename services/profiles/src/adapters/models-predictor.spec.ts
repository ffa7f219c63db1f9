import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { modelsProto } from '@rapport/contracts';
import { ModelsPredictor } from './models-predictor.js';

/** Longer than the longest pause between two tries. */
const healedWithinMs = 5_001;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Models that answer while they are not among the failing. */
function modelsBut(failing: Set<string>) {
  const asked: string[] = [];
  const score = async ({ model, rows }: modelsProto.ScoreRequest): Promise<modelsProto.ScoreResponse> => {
    asked.push(model);
    if (failing.has(model) || rows.some(({ values }) => values['poison'] === 1))
      throw new Error(`${model} is LOADING`);
    return { scores: rows.map(() => 0.5), found: rows.map(() => true), version: '1' };
  };
  return { score, asked };
}

describe('a predictor whose models fail', () => {
  it('is ready again without traffic soon after the cause has gone, whatever failed, for as long as it did', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ model: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }), { maxLength: 8 }),
        fc.integer({ min: 0, max: 60_000 }),
        async (asks, outageMs) => {
          const failing = new Set<string>();
          const predictor = new ModelsPredictor(modelsBut(failing), () => undefined);
          for (const { model, fails } of asks) {
            if (fails) failing.add(model);
            await predictor.score(model, [{}]);
          }
          expect(predictor.failure() !== undefined).toBe(asks.some(({ model }) => failing.has(model)));
          await jest.advanceTimersByTimeAsync(outageMs);
          failing.clear();
          await jest.advanceTimersByTimeAsync(healedWithinMs);
          expect(predictor.failure()).toBeUndefined();
          for (const { model } of asks) expect(await predictor.score(model, [{}])).toEqual([0.5]);
          predictor.stop();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keeps events from waiting for one that fails, and asks the others', async () => {
    const failing = new Set(['a']);
    const models = modelsBut(failing);
    const told: string[] = [];
    const predictor = new ModelsPredictor(models, (model, cause) => told.push(`${model}: ${cause}`));
    for (let batch = 0; batch < 10; batch++) {
      expect(await predictor.score('a', [{}])).toBeUndefined();
      expect(await predictor.score('b', [{}])).toEqual([0.5]);
    }
    expect(predictor.failure()).toBe('model a gives no scores: a is LOADING');
    expect(models.asked.filter((model) => model === 'a')).toHaveLength(1);
    expect(told).toEqual(['a: a is LOADING']);
    predictor.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not keep away from all what failed on the row of one', async () => {
    const predictor = new ModelsPredictor(modelsBut(new Set()), () => undefined);
    expect(await predictor.score('a', [{ poison: 1 }])).toBeUndefined();
    await jest.advanceTimersByTimeAsync(healedWithinMs);
    expect(predictor.failure()).toBeUndefined();
    expect(await predictor.score('a', [{}])).toEqual([0.5]);
    predictor.stop();
  });
});
