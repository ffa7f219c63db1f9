import { expect, it } from '@jest/globals';
import { epochMs } from '../../fixtures/events.js';
import { traitAfter } from '../../fixtures/trait-reader.js';

const at = (ms: number, v: string) => ({ atMs: epochMs + ms, properties: { v } });

it('is the value of the latest event, also when older ones come after it', () => {
  expect(traitAfter({ kind: 'last', property: 'v' }, [[at(9, 'c'), at(5, 'b')], [at(7, 'd')]])).toBe('c');
});

it('takes the last of several values', () => {
  const events = [{ properties: { lines: [{ p: 'a' }, { p: 'b' }] } }];
  expect(traitAfter({ kind: 'last', property: 'lines[].p' }, [events])).toBe('b');
});

it('leaves out values that are too long to keep', () => {
  expect(traitAfter({ kind: 'last', property: 'v' }, [[at(1, 'short'), at(2, 'x'.repeat(600))]])).toBe(
    'short',
  );
});

it('counts an event whose clock ran ahead as of its receipt', () => {
  const ahead = { ...at(1_000_000, 'ahead'), receivedMs: epochMs + 3 };
  expect(traitAfter({ kind: 'last', property: 'v' }, [[ahead, at(5, 'later')]])).toBe('later');
});
