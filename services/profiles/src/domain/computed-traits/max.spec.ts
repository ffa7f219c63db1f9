import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('is the largest number of all origins', () => {
  expect(traitAfter({ kind: 'max', property: 'v' }, [saying(3, -2), saying(5)])).toBe(5);
});

it('is null before the first number', () => {
  expect(traitAfter({ kind: 'max', property: 'v' }, [[]])).toBeNull();
});
