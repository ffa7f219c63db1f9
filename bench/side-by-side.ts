import { percentile, type BenchmarkOptions, type Figure } from './report.js';

/** Works for so many milliseconds, finishes what it began, and answers how many things it did a second. */
export type Work = (forMs: number) => Promise<number>;

/** A disk is slow for a second now and then: turns are shorter, so that both sides have their share of it. */
const turnMs = 100;
const fewestPairs = 9;

/**
 * Each side's first turn, which is not counted: at some thousand calls a second V8 optimizes code for about a second, and
 * longer the more code a call runs through.
 */
const warmUpMs = 2000;

/**
 * Two ways to do the same, in pairs of short turns, the second first in every other pair. The ratio is the median of the
 * pairs' ratios, which the few pairs that the machine spoilt do not move.
 */
export async function compareRates(
  options: BenchmarkOptions,
  name: string,
  ours: Work,
  theirs: Work,
  theirName: string,
): Promise<Figure[]> {
  options.say(name);
  await ours(warmUpMs);
  await theirs(warmUpMs);
  const pairs: { readonly ours: number; readonly theirs: number; readonly ratio: number }[] = [];
  const started = performance.now();
  while (pairs.length < fewestPairs || performance.now() - started < options.seconds * 2000) {
    const before = pairs.length % 2 === 0 ? await ours(turnMs) : undefined;
    const other = await theirs(turnMs);
    const own = before ?? (await ours(turnMs));
    pairs.push({ ours: own, theirs: other, ratio: own / other });
  }
  const sorted = (of: 'ours' | 'theirs' | 'ratio'): number[] =>
    pairs.map((pair) => pair[of]).sort((a, b) => a - b);
  const ratios = sorted('ratio');
  return [
    { name, value: percentile(sorted('ours'), 50), unit: '/s' },
    { name: `${name}: ${theirName}`, value: percentile(sorted('theirs'), 50), unit: '/s' },
    {
      name: `${name}: ratio`,
      value: percentile(ratios, 50),
      unit: '×',
      floor: 0.8,
      middleHalf: [percentile(ratios, 25), percentile(ratios, 75)],
    },
  ];
}

/** So many calls at a time, each doing `perCall` things. */
export function concurrently(inFlight: number, perCall: number, once: () => Promise<void>): Work {
  return async (forMs) => {
    const started = performance.now();
    let done = 0;
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (performance.now() - started < forMs) {
          await once();
          done += perCall;
        }
      }),
    );
    return (done / (performance.now() - started)) * 1000;
  };
}

/** Names the same people over and over, in order. Each side has its own: neither depends on what the other wrote. */
export function idsInTurn(people: number): (count: number) => string[] {
  let n = 0;
  return (count) => Array.from({ length: count }, () => `profile-${n++ % people}`);
}
