import fc from 'fast-check';
import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('is the value that came most often over all origins; of equals, the smallest', () => {
  expect(
    traitAfter({ kind: 'most_frequent', property: 'v' }, [saying('a', 'b', 'b'), saying('a', 'a', 'b', 'c')]),
  ).toBe('a');
});

it('tells 1 and "1" apart', () => {
  expect(traitAfter({ kind: 'most_frequent', property: 'v' }, [saying(1, '1', '1')])).toBe('1');
});

it('does not depend on the order of arrival, even beyond its bound', () => {
  const values = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 250, maxLength: 350 });
  fc.assert(
    fc.property(
      values.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(all.length)),
      ),
      ([all, shuffled, cut]) => {
        const said = (some: readonly number[]) => saying(...some);
        expect(
          traitAfter({ kind: 'most_frequent', property: 'v' }, [
            said(shuffled.slice(cut)),
            said(shuffled.slice(0, cut)),
          ]),
        ).toBe(traitAfter({ kind: 'most_frequent', property: 'v' }, [said(all)]));
      },
    ),
    { numRuns: 5 },
  );
});
