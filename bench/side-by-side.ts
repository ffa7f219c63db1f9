import type { BenchmarkOptions, Figure } from './report.js';

/** One side of a comparison: does about `count` things and resolves when the last is done. */
export type Work = (count: number) => Promise<void>;

const turns = 3;

/**
 * Each side's first turn, which is not counted: at some thousand calls a second V8 optimizes code for about a second, and
 * longer the more code a call runs through.
 */
const warmUpMs = 2000;

/** Two ways to do the same, turn by turn, so that what else happens on the machine falls on both. */
export async function compareRates(
  options: BenchmarkOptions,
  name: string,
  ours: Work,
  theirs: Work,
  theirName: string,
): Promise<Figure[]> {
  options.say(name);
  const perTurnMs = (options.seconds * 1000) / turns / 8;
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (let turn = 0; turn <= turns; turn++) {
    for (const [side, work] of [
      ['ours', ours],
      ['theirs', theirs],
    ] as const) {
      const rate = await rateOf(work, turn === 0 ? warmUpMs : perTurnMs);
      if (turn > 0) rates[side].push(rate);
    }
  }
  const mean = (of: readonly number[]): number => of.reduce((sum, rate) => sum + rate, 0) / of.length;
  return [
    { name, value: mean(rates.ours), unit: '/s' },
    { name: `${name}: ${theirName}`, value: mean(rates.theirs), unit: '/s' },
    { name: `${name}: ratio`, value: mean(rates.ours) / mean(rates.theirs), unit: '×', floor: 0.8 },
  ];
}

async function rateOf(work: Work, forMs: number): Promise<number> {
  const started = performance.now();
  let done = 0;
  let step = 256;
  while (performance.now() - started < forMs) {
    const before = performance.now();
    await work(step);
    done += step;
    // Steps long enough that their beginning and end do not count.
    if (performance.now() - before < forMs / 4) step *= 2;
  }
  return (done / (performance.now() - started)) * 1000;
}

/** So many calls at a time, each doing `perCall` things. */
export function concurrently(inFlight: number, perCall: number, once: () => Promise<void>): Work {
  return async (count) => {
    let left = Math.ceil(count / perCall);
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (left-- > 0) await once();
      }),
    );
  };
}
