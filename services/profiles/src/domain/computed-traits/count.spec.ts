import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('counts matching events over all origins', () => {
  expect(traitAfter({ kind: 'count' }, [saying(1, 2), saying(3)])).toBe(3);
});

it('is 0 before the first, and for events that the filter leaves out', () => {
  const on = { event: 'E', where: [{ path: 'v', op: 'gt' as const, value: 5 }] };
  expect(traitAfter({ kind: 'count', on }, [saying(1, 5)])).toBe(0);
});
