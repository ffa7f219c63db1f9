import { expect, it } from '@jest/globals';
import { epochMs } from '../../fixtures/events.js';
import { traitAfter } from '../../fixtures/trait-reader.js';

const at = (ms: number, v: string | null) => ({ atMs: epochMs + ms, properties: { v } });

it('is the value of the earliest event, also when that comes last', () => {
  expect(
    traitAfter({ kind: 'first', property: 'v' }, [
      [at(5, 'b'), at(9, 'c')],
      [at(7, 'd'), at(1, 'a')],
    ]),
  ).toBe('a');
});

it('passes over events without a value', () => {
  expect(traitAfter({ kind: 'first', property: 'v' }, [[at(1, null), at(2, 'b')]])).toBe('b');
});

it('goes by message id where instants are the same', () => {
  const same = [
    { ...at(1, 'z'), messageId: 'm2' },
    { ...at(1, 'y'), messageId: 'm1' },
  ];
  expect(traitAfter({ kind: 'first', property: 'v' }, [same])).toBe('y');
});
