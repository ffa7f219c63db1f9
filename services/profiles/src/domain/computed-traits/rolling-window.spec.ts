import { describe, expect, it } from '@jest/globals';
import { dayMs, epochMs } from '../../fixtures/events.js';
import { traitAfter } from '../../fixtures/trait-reader.js';
import { count } from './count.js';
import { bucketsOf, rolling } from './rolling-window.js';

/** A sixtieth of 60 days. */
const bucketMs = dayMs;
const lately = (atMs: number, ...days: readonly number[]) =>
  traitAfter({ kind: 'count', window: '60d' }, [days.map((day) => ({ atMs: epochMs + day * dayMs }))], atMs);

describe('a rolling window', () => {
  it('forgets an event when its sixtieth of the window falls out, to the millisecond', () => {
    const begins = Math.floor(epochMs / bucketMs) * bucketMs;
    const end = begins + 60 * bucketMs;
    expect(lately(end - 1, 0.25)).toBe(1);
    expect(lately(end, 0.25)).toBe(0);
  });

  it('does not take in a late event that has fallen out already', () => {
    expect(lately(epochMs + 100 * dayMs, 100, 10, 41)).toBe(2);
  });

  it('says when it next changes by itself', () => {
    const { fold, changesAfter } = rolling(count.fold({ name: 'it', kind: 'count', on: {} }), 60 * dayMs);
    const state = fold.add(fold.add(fold.empty(), { atMs: 5.5 * dayMs, messageId: 'a', values: [] }), {
      atMs: 9.1 * dayMs,
      messageId: 'b',
      values: [],
    });
    expect(changesAfter(state, 10 * dayMs)).toBe(65 * dayMs);
    expect(changesAfter(state, 65 * dayMs)).toBe(69 * dayMs);
    expect(changesAfter(state, 69 * dayMs)).toBe(Infinity);
  });

  it('has fewer than sixty buckets only below sixty milliseconds', () => {
    expect(bucketsOf(7)).toEqual({ widthMs: 1, count: 7 });
    expect(bucketsOf(3_600_000)).toEqual({ widthMs: 60_000, count: 60 });
  });
});
