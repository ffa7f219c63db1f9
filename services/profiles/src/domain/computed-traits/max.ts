import { numbersOf } from './scalars.js';
import { traitKind } from './trait-kind.js';

/** The largest number at the property. */
export const max = traitKind<number | null>('max', () => ({
  empty: () => null,
  add: (state, { values }) =>
    numbersOf(values).reduce((most: number | null, value) => larger(most, value), state),
  merge: larger,
  read: (state) => state,
}));

function larger(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : Math.max(left, right);
}
