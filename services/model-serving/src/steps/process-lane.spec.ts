import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { Tensor } from '../domain/datatypes.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelProcess } from '../ports/model-runtime.js';
import { ProcessLane } from './process-lane.js';

const row = (value: number): Tensor[] => [
  { name: 'in', datatype: 'FP32', shape: [1], elements: Float32Array.of(value) },
];
const poison = -1;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Processes that answer what they get and end over a poisonous input. */
class Processes {
  opened = 0;
  alive = 0;
  canOpen = true;
  mostAtOnce = 0;

  readonly open = async (): Promise<ModelProcess> => {
    if (!this.canOpen) throw new Error('no memory');
    this.opened++;
    this.alive++;
    let ended: string | undefined;
    let running = 0;
    const end = (reason: string): void => {
      if (ended === undefined) this.alive--;
      ended = reason;
    };
    return {
      signature: { inputs: [], outputs: [] },
      ended: () => ended,
      run: async (inputs) => {
        this.mostAtOnce = Math.max(this.mostAtOnce, ++running);
        await Promise.resolve();
        running--;
        if (inputs[0]?.elements[0] === poison) end('by SIGABRT');
        if (ended !== undefined) throw modelsError('MODELS_CRASHED', ended);
        return { outputs: inputs, computeMs: 1 };
      },
      close: async () => end('because it was closed'),
    };
  };
}

const laneOf = (processes: Processes, idleMs?: number) =>
  new ProcessLane({ open: processes.open, idleMs, nowMs: () => Date.now(), onCrash: () => undefined });

describe('a lane', () => {
  it('fails the calls that end a process and no others, and is well again by itself', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ isPoison: fc.boolean(), pauseMs: fc.constantFrom(0, 0, 5, 40_000) }), {
          maxLength: 12,
        }),
        async (calls) => {
          const processes = new Processes();
          const lane = laneOf(processes);
          const answers: Promise<unknown>[] = [];
          for (const [at, { isPoison, pauseMs }] of calls.entries()) {
            const answer = lane.run(row(isPoison ? poison : at), ['in']);
            answers.push(
              answer.then(
                (result) => result.outputs[0]?.elements[0],
                (thrown: unknown) => thrown,
              ),
            );
            await jest.advanceTimersByTimeAsync(pauseMs);
          }
          await jest.advanceTimersByTimeAsync(60_000);
          for (const [at, answer] of (await Promise.all(answers)).entries()) {
            if (calls[at]?.isPoison) expect(answer).toMatchObject({ code: 'MODELS_CRASHED' });
            // One that came while the process was away for long is told to come again.
            else if (typeof answer !== 'number')
              expect(answer).toMatchObject({ code: 'MODELS_CRASHED', detail: expect.any(String) });
            else expect(answer).toBe(at);
          }
          expect(lane.trouble()).toBeUndefined();
          const healed = lane.run(row(7), ['in']);
          await jest.advanceTimersByTimeAsync(1);
          expect((await healed).outputs[0]?.elements[0]).toBe(7);
          expect(processes.mostAtOnce).toBe(1);
          const closing = lane.close();
          await jest.advanceTimersByTimeAsync(10);
          await closing;
          expect(processes.alive).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('says that it is in trouble while its process ends again and again, and no longer than that', async () => {
    const processes = new Processes();
    const lane = laneOf(processes);
    for (let crash = 0; crash < 5; crash++) {
      const before = Math.max(processes.opened, 1);
      const answer = lane.run(row(poison), ['in']).catch((thrown: unknown) => thrown);
      await jest.advanceTimersByTimeAsync(1);
      await answer;
      if (crash >= 2) expect(lane.trouble()).toMatch(/ended \d times, the last time by SIGABRT/);
      await jest.advanceTimersByTimeAsync(30_000);
      // Started again, though nobody asked for it.
      expect(processes.opened).toBe(before + 1);
      expect(lane.trouble()).toBeUndefined();
    }
    await lane.close();
  });

  it('tries again to start a process that did not, without calls', async () => {
    const processes = new Processes();
    processes.canOpen = false;
    const lane = laneOf(processes);
    const answer = lane.run(row(1), ['in']).catch((thrown: unknown) => thrown);
    await jest.advanceTimersByTimeAsync(1);
    expect(await answer).toMatchObject({ code: 'MODELS_NOT_READY', status: 'unavailable' });
    await jest.advanceTimersByTimeAsync(120_000);
    expect(lane.trouble()).toMatch(/no memory/);
    processes.canOpen = true;
    await jest.advanceTimersByTimeAsync(30_000);
    expect(lane.trouble()).toBeUndefined();
    expect(processes.alive).toBe(1);
    await lane.close();
  });

  it('gives a process back that had nothing to do for a while, where it may', async () => {
    const processes = new Processes();
    const lane = laneOf(processes, 60_000);
    for (const round of [1, 2]) {
      const answer = lane.run(row(round), ['in']);
      await jest.advanceTimersByTimeAsync(59_000);
      await answer;
      expect(processes.alive).toBe(1);
      await jest.advanceTimersByTimeAsync(2_000);
      expect([processes.alive, processes.opened]).toEqual([0, round]);
    }
    await lane.close();
  });
});
