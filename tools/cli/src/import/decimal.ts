/**
 * Decimal numbers as whole millionths, so that sums of prices are exact: `2.55` is 2550000n. Six places are what the
 * platform's own sums keep.
 */
export const millionthsPerOne = 1_000_000n;

/** Undefined where the text is no decimal number with at most six places. */
export function readMillionths(text: string): bigint | undefined {
  // An optional sign, digits, and up to six digits behind a point.
  const match = /^([-+]?)(\d+)(?:\.(\d{1,6}))?$/.exec(text);
  if (match?.[2] === undefined) return undefined;
  const size = BigInt(match[2]) * millionthsPerOne + BigInt((match[3] ?? '').padEnd(6, '0'));
  return match[1] === '-' ? -size : size;
}

/** The nearest double; six places survive up to four milliard. */
export function toNumber(millionths: bigint): number {
  return Number(toText(millionths));
}

/** `2.55`, without zeros at the end. */
export function toText(millionths: bigint): string {
  const size = millionths < 0n ? -millionths : millionths;
  const places = (size % millionthsPerOne).toString().padStart(6, '0').replace(/0+$/, '');
  return `${millionths < 0n ? '-' : ''}${size / millionthsPerOne}${places === '' ? '' : `.${places}`}`;
}
