import { describe, expect, it, test } from '@jest/globals';
import { seededRandom } from '@rapport/kernel';
import { differenceInterval, radius, rhoSquaredFor } from './confidence-sequence.js';
import { noSums, toArm, withPerson, type ArmSums } from './lift.js';

/*
 * Golden values from an independent computation of the same theorem (Python 3, standard library alone):
 *
 *   from math import log, sqrt
 *   def rho2(n, a): return (-2*log(a) + log(-2*log(a) + 1)) / n
 *   def rad(n, s, a, r): return s * sqrt(2*(n*r + 1)/(n*n*r) * log(sqrt(n*r + 1)/a))
 *   def diff(n1, m1, v1, n0, m0, v0, a=0.05):
 *       n = n1 + n0; p = ((n1-1)*v1 + (n0-1)*v0) / (n-2)
 *       s = sqrt(n*(max(v1, p)/n1 + max(v0, p)/n0)); r = rad(n, s, a, rho2(500, a))
 *       return (m1-m0-r, m1-m0+r)
 *   print(rho2(500, .05)); print(rad(500, 1, .05, rho2(500, .05))); print(rad(10000, 2, .05, rho2(500, .05)))
 *   print(diff(900, .12, .1056, 100, .08, .0736)); print(diff(4500, 3.1, 81.0, 500, 2.4, 64.0))
 */
const golden = {
  rhoSquared: 0.01587230920347513,
  radius500: 0.13573867256799613,
  radius10000: 0.06673715067573198,
  counts: [-0.06343942096824971, 0.1434394209682497],
  sums: [-0.662316331622979, 2.0623163316229793],
} as const;

describe('the confidence sequence', () => {
  it('gives the values of an independent computation', () => {
    const rhoSquared = rhoSquaredFor(500, 0.05);
    expect(rhoSquared).toBeCloseTo(golden.rhoSquared, 12);
    expect(radius(500, 1, 0.05, rhoSquared)).toBeCloseTo(golden.radius500, 12);
    expect(radius(10_000, 2, 0.05, rhoSquared)).toBeCloseTo(golden.radius10000, 12);
    const counts = differenceInterval(
      { people: 900, mean: 0.12, variance: 0.1056 },
      { people: 100, mean: 0.08, variance: 0.0736 },
    );
    expect(counts?.low).toBeCloseTo(golden.counts[0], 12);
    expect(counts?.high).toBeCloseTo(golden.counts[1], 12);
    const sums = differenceInterval(
      { people: 4500, mean: 3.1, variance: 81 },
      { people: 500, mean: 2.4, variance: 64 },
    );
    expect(sums?.low).toBeCloseTo(golden.sums[0], 12);
    expect(sums?.high).toBeCloseTo(golden.sums[1], 12);
  });

  it('is tightest about where it was told to be', () => {
    const reach = (tightest: number): number => radius(500, 1, 0.05, rhoSquaredFor(tightest, 0.05));
    expect(reach(500)).toBeLessThan(reach(100));
    expect(reach(500)).toBeLessThan(reach(3000));
  });

  it('says nothing while an arm has fewer than two people', () => {
    const many = { people: 50, mean: 1, variance: 1 };
    expect(differenceInterval(many, { people: 1, mean: 0, variance: 0 })).toBeUndefined();
  });
});

/** People come one by one; one in ten is held out. Answers whether the interval held the true lift at every look. */
function holdsAtEveryLook(
  seed: number,
  draw: (random: () => number, treated: boolean) => number,
  truth: number,
) {
  const random = seededRandom(seed);
  let treated: ArmSums = noSums;
  let heldOut: ArmSums = noSums;
  for (let people = 1; people <= 2000; people++) {
    const isTreated = random() >= 0.1;
    const outcome = BigInt(Math.round(draw(random, isTreated) * 1e6));
    if (isTreated) treated = withPerson(treated, outcome, 1);
    else heldOut = withPerson(heldOut, outcome, 1);
    // Nothing is said below 30 people in an arm; from then on one may look after every person.
    if (heldOut.people < 30 || people % 5 !== 0) continue;
    const interval = differenceInterval(toArm(treated), toArm(heldOut));
    if (interval === undefined || interval.low > truth || interval.high < truth) return false;
  }
  return true;
}

describe('looking all the time', () => {
  const runs = 200;
  const misses = (draw: (random: () => number, treated: boolean) => number, truth: number): number =>
    Array.from({ length: runs }, (_, seed) => holdsAtEveryLook(seed + 1, draw, truth)).filter((held) => !held)
      .length;

  test('misses the true lift of purchases in at most one of twenty runs', () => {
    const bought = (random: () => number, treated: boolean): number =>
      random() < (treated ? 0.14 : 0.1) ? 1 : 0;
    expect(misses(bought, 0.04)).toBeLessThanOrEqual(runs * 0.05);
  });

  test('misses the true lift of revenue, which is skewed, in at most one of twenty runs', () => {
    // Nine in ten buy nothing; the others spend an exponential amount of mean 40, the treated 44.
    const spent = (random: () => number, treated: boolean): number =>
      random() < 0.1 ? -Math.log(1 - random()) * (treated ? 44 : 40) : 0;
    expect(misses(spent, 0.4)).toBeLessThanOrEqual(runs * 0.05);
  });
});
