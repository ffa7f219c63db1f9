import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { addDecimals, decimalOf, numberOf } from './decimals.js';

describe('decimals', () => {
  it('keep a number to a millionth', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), (value) => {
        const kept = decimalOf(value);
        expect(Math.abs(numberOf(kept ?? NaN) - value)).toBeLessThanOrEqual(0.000_000_6);
      }),
    );
  });

  it('add like whole numbers, however large', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
        fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
        (a, b) => {
          expect(BigInt(addDecimals(a.toString(), b.toString()))).toBe(a + b);
        },
      ),
    );
  });

  it('are plain numbers while these are exact', () => {
    expect(addDecimals(Number.MAX_SAFE_INTEGER - 1, 1)).toBe(Number.MAX_SAFE_INTEGER);
    expect(addDecimals(Number.MAX_SAFE_INTEGER, 1)).toBe('9007199254740992');
    expect(addDecimals('9007199254740992', -1)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('leave out numbers from 1e21 on', () => {
    expect(decimalOf(1e21)).toBeUndefined();
    expect(numberOf(decimalOf(9e20) ?? 0)).toBe(9e20);
  });
});
