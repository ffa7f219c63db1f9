import { traitKind } from './trait-kind.js';

const dayMs = 86_400_000;

/** How long the newest matching event is ago, in days (2.5 = two and a half); null before the first. */
export const timeSince = traitKind<number | null>('time_since', () => ({
  empty: () => null,
  add: (state, { atMs }) => (state === null || atMs > state ? atMs : state),
  merge: (left, right) => (left === null || (right !== null && right > left) ? right : left),
  read: (state, atMs) => (state === null ? null : (atMs - state) / dayMs),
  crossings: (state, threshold) => {
    if (state === null) return [];
    const elapsedMs = threshold * dayMs;
    // `>=` turns at the first whole millisecond not below the threshold, `>` at the one after.
    return [state + Math.floor(elapsedMs), state + Math.ceil(elapsedMs), state + Math.floor(elapsedMs) + 1];
  },
}));
