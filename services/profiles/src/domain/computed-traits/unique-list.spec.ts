import { expect, it } from '@jest/globals';
import { epochMs } from '../../fixtures/events.js';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

it('names each value once, the one that came last first', () => {
  expect(traitAfter({ kind: 'unique_list', property: 'v' }, [saying('a', 'b', 'a', 'c')])).toEqual([
    'c',
    'a',
    'b',
  ]);
});

it('keeps the newest up to its limit, over all origins', () => {
  expect(
    traitAfter({ kind: 'unique_list', property: 'v', limit: 2 }, [saying('b'), saying('a', 'c', 'd')]),
  ).toEqual(['d', 'c']);
});

it('takes a value up again that had been dropped and comes later', () => {
  const late = [...saying('a', 'b', 'c'), { atMs: epochMs + 60_000, properties: { v: 'a' } }];
  expect(traitAfter({ kind: 'unique_list', property: 'v', limit: 2 }, [late])).toEqual(['a', 'c']);
});

it('has no elements before the first', () => {
  expect(traitAfter({ kind: 'unique_list', property: 'v' }, [[]])).toEqual([]);
});
