import { numbersOf } from './scalars.js';
import { traitKind } from './trait-kind.js';

/** The smallest number at the property. */
export const min = traitKind<number | null>('min', () => ({
  empty: () => null,
  add: (state, { values }) =>
    numbersOf(values).reduce((least: number | null, value) => smaller(least, value), state),
  merge: smaller,
  read: (state) => state,
}));

function smaller(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : Math.min(left, right);
}
