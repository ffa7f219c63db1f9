import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('is the smallest number of all origins', () => {
  expect(traitAfter({ kind: 'min', property: 'v' }, [saying(3, -2), saying(0)])).toBe(-2);
});

it('is null before the first number', () => {
  expect(traitAfter({ kind: 'min', property: 'v' }, [saying('1')])).toBeNull();
});
