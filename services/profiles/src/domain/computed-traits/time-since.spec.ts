import { expect, it } from '@jest/globals';
import { dayMs, epochMs } from '../../fixtures/events.js';
import { traitAfter } from '../../fixtures/trait-reader.js';

it('is the number of days since the newest event', () => {
  const events = [{ atMs: epochMs + dayMs }, { atMs: epochMs }];
  expect(traitAfter({ kind: 'time_since' }, [events], epochMs + 3.5 * dayMs)).toBe(2.5);
});

it('is null before the first', () => {
  expect(traitAfter({ kind: 'time_since' }, [[]])).toBeNull();
});
