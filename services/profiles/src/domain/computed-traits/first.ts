import { earlier, isKept, type DatedValue } from './dated-value.js';
import { traitKind } from './trait-kind.js';

/** The property's value in the earliest event that had one (of several values in it, the first). */
export const first = traitKind<DatedValue | null>('first', () => ({
  empty: () => null,
  add: (state, { atMs, messageId, values }) => {
    const value = values.find(isKept);
    return value === undefined ? state : earlier(state, [atMs, messageId, value]);
  },
  merge: earlier,
  read: (state) => state?.[2] ?? null,
}));
