import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('is the mean over the values of all origins, not of their means', () => {
  expect(traitAfter({ kind: 'mean', property: 'v' }, [saying(1, 2), saying(6)])).toBe(3);
});

it('is null before the first number', () => {
  expect(traitAfter({ kind: 'mean', property: 'v' }, [saying('a')])).toBeNull();
});
