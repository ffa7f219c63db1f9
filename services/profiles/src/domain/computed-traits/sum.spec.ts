import fc from 'fast-check';
import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('adds decimals without the errors of binary fractions', () => {
  expect(traitAfter({ kind: 'sum', property: 'v' }, [saying(0.1, 0.2), saying(0.3)])).toBe(0.6);
});

it('leaves out what is no number', () => {
  expect(traitAfter({ kind: 'sum', property: 'v' }, [saying(1, '2', null, true)])).toBe(1);
});

it('adds each element of a list', () => {
  const events = [{ properties: { lines: [{ price: 1.5 }, { price: 2.25 }, {}] } }];
  expect(traitAfter({ kind: 'sum', property: 'lines[].price' }, [events])).toBe(3.75);
});

it('is exact beyond 2^53 millionths, in any order and grouping', () => {
  const cents = fc.array(fc.integer({ min: -1e12, max: 1e12 }), { maxLength: 30 });
  fc.assert(
    fc.property(cents, cents, (one, other) => {
      const exact = [...one, ...other].reduce((sum, value) => sum + BigInt(value), 0n);
      const values = (all: readonly number[]) => saying(...all.map((value) => value / 100));
      expect(traitAfter({ kind: 'sum', property: 'v' }, [values(one), values(other)])).toBeCloseTo(
        Number(exact) / 100,
        2,
      );
      expect(traitAfter({ kind: 'sum', property: 'v' }, [values([...other].reverse()), values(one)])).toBe(
        traitAfter({ kind: 'sum', property: 'v' }, [values(one), values(other)]),
      );
    }),
  );
});
