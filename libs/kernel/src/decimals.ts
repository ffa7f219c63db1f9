/**
 * A sum that forgets nothing: decimal millionths, as a number while that is exact and as decimal digits beyond
 * 2^53. Additions commute, which sums of binary fractions do not.
 */
export type Decimal = number | string;

const scale = 1_000_000;
const scaleDigits = 6;

const bigOf = (decimal: Decimal): bigint => BigInt(decimal);

const packed = (value: bigint): Decimal =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString();

/** Amounts are finite numbers below this, whatever their sign: from here on JavaScript writes no plain digits. */
export const amountLimit = 1e21;

/** Whether a number can be summed, measured and given to models. */
export const isAmount = (value: number): boolean => Math.abs(value) < amountLimit;

/** An amount in millionths; undefined for what is none. */
export function decimalOf(value: number): Decimal | undefined {
  if (Math.abs(value) < 4e9) return Math.round(value * scale);
  if (!isAmount(value)) return undefined;
  return packed(BigInt(value.toFixed(scaleDigits).replace('.', '')));
}

export function addDecimals(left: Decimal, right: Decimal): Decimal {
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return packed(bigOf(left) + bigOf(right));
}

/** The nearest number. */
export function numberOf(decimal: Decimal): number {
  if (typeof decimal === 'number') return decimal / scale;
  const whole = BigInt(decimal) / BigInt(scale);
  const rest = BigInt(decimal) % BigInt(scale);
  return Number(whole) + Number(rest) / scale;
}
