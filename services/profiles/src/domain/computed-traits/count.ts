import { traitKind } from './trait-kind.js';

/** How many events matched. */
export const count = traitKind<number>('count', () => ({
  empty: () => 0,
  add: (state) => state + 1,
  merge: (left, right) => left + right,
  read: (state) => state,
}));
