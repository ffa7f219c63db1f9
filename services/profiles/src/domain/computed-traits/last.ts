import { isKept, later, type DatedValue } from './dated-value.js';
import { traitKind } from './trait-kind.js';

/** The property's value in the latest event that had one (of several values in it, the last). */
export const last = traitKind<DatedValue | null>('last', () => ({
  empty: () => null,
  add: (state, { atMs, messageId, values }) => {
    const value = values.findLast(isKept);
    return value === undefined ? state : later(state, [atMs, messageId, value]);
  },
  merge: later,
  read: (state) => state?.[2] ?? null,
}));
