import { addDecimals, decimalOf, numberOf, type Decimal } from '@rapport/kernel';
import { numbersOf } from './scalars.js';
import { traitKind } from './trait-kind.js';

/** The exact sum of the numbers at the property, to a millionth. */
export const sum = traitKind<Decimal>('sum', () => ({
  empty: () => 0,
  add: (state, { values }) =>
    numbersOf(values).reduce<Decimal>((total, value) => addDecimals(total, decimalOf(value) ?? 0), state),
  merge: addDecimals,
  read: numberOf,
}));
