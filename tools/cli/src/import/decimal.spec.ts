import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readMillionths, toNumber, toText } from './decimal.js';

describe('decimal numbers', () => {
  it('are read exactly and refused where they are none', () => {
    expect(readMillionths('2.55')).toBe(2_550_000n);
    expect(readMillionths('-11062.06')).toBe(-11_062_060_000n);
    expect(readMillionths('0.001')).toBe(1_000n);
    for (const text of ['', '.', '1,5', '1e3', 'NaN', '1.0000001', ' 1', '0x1'])
      expect(readMillionths(text)).toBeUndefined();
  });

  it('add up to what they are, where doubles do not', () => {
    const sum = ['0.1', '0.2'].reduce((total, text) => total + (readMillionths(text) ?? 0n), 0n);
    expect(toText(sum)).toBe('0.3');
    expect(toNumber(sum)).toBe(0.3);
  });

  it('come back from text and from the double that JSON carries', () => {
    // Beyond 2^52 millionths the neighbours of a double lie further apart than its sixth place.
    fc.assert(
      fc.property(fc.bigInt({ min: -4_000_000_000_000_000n, max: 4_000_000_000_000_000n }), (millionths) => {
        expect(readMillionths(toText(millionths))).toBe(millionths);
        expect(readMillionths(toNumber(millionths).toFixed(6))).toBe(millionths);
      }),
    );
  });
});
