import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ProfileId } from '@rapport/kernel';
import type { PersonOutcomes } from './lift.js';
import { MetTactics } from './met-tactics.js';

const person = (name: string, firsts: Readonly<Record<string, number>>): PersonOutcomes => ({
  profileId: `p_${name}` as ProfileId,
  partition: 0,
  exposures: Object.fromEntries(
    Object.entries(firsts).map(([tactic, firstMs]) => [tactic, { arm: 'treated', firstMs, hits: [] }]),
  ),
});

describe('what is remembered of first meetings', () => {
  it('knows nothing that the newest document does not say, and forgets only when there is too much', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const firsts = fc.dictionary(fc.constantFrom('t', 'u', 'v'), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(names, firsts)), fc.integer({ min: 1, max: 12 }), (notes, most) => {
        const met = new MetTactics(most);
        const newest = new Map<string, Readonly<Record<string, number>>>();
        for (const [name, said] of notes) {
          met.note(1, person(name, said));
          newest.set(name, said);
        }
        for (const name of ['a', 'b', 'c']) {
          for (const tactic of ['t', 'u', 'v']) {
            for (let atMs = 0; atMs < 10; atMs++) {
              const is = (newest.get(name)?.[tactic] ?? Infinity) <= atMs;
              const knows = met.knows(1, `p_${name}`, tactic, atMs);
              // Nine meetings are all there can be.
              if (most >= 9) expect(knows).toBe(is);
              else if (knows) expect(is).toBe(true);
              expect(met.knows(2, `p_${name}`, tactic, atMs)).toBe(false);
            }
          }
        }
      }),
    );
  });

  it('remembers nobody who went into another profile, and nothing of a partition that was given up', () => {
    const met = new MetTactics(100);
    met.note(1, person('a', { t: 1 }));
    met.note(1, { ...person('a', { t: 1 }), mergedInto: 'p_b' as ProfileId });
    expect(met.knows(1, 'p_a', 't', 5)).toBe(false);
    met.note(1, person('c', { t: 1 }));
    expect(met.knows(1, 'p_c', 't', 5)).toBe(true);
    met.forget(1);
    expect(met.knows(1, 'p_c', 't', 5)).toBe(false);
  });
});
