import { addDecimals, decimalOf, numberOf, type Decimal } from '@rapport/kernel';
import { numbersOf } from './scalars.js';
import { traitKind } from './trait-kind.js';

/** How many numbers, and their exact sum. */
type Mean = [count: number, sum: Decimal];

/** The arithmetic mean of the numbers at the property. */
export const mean = traitKind<Mean>('mean', () => ({
  empty: () => [0, 0],
  add: (state, { values }) => {
    for (const value of numbersOf(values)) {
      const decimal = decimalOf(value);
      if (decimal === undefined) continue;
      state[0]++;
      state[1] = addDecimals(state[1], decimal);
    }
    return state;
  },
  merge: (left, right) => [left[0] + right[0], addDecimals(left[1], right[1])],
  read: ([count, sum]) => (count === 0 ? null : numberOf(sum) / count),
}));
