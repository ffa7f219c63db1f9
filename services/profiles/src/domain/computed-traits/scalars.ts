import { fnv1a32 } from '@rapport/kernel';
import type { JsonValue } from '@rapport/contracts';

/** What lists and counts of values are made of. */
export type Scalar = string | number | boolean;

/** Longer texts are not gathered: a list of them would outgrow its document. */
export const maxTextLength = 512;

/** The values that can be listed: texts up to 512 characters, finite numbers, yes and no. */
export function scalarsOf(values: readonly JsonValue[]): readonly Scalar[] {
  return values.filter(
    (value): value is Scalar =>
      (typeof value === 'string' && value.length <= maxTextLength) ||
      (typeof value === 'number' && Number.isFinite(value)) ||
      typeof value === 'boolean',
  );
}

/** The finite numbers among values. */
export const numbersOf = (values: readonly JsonValue[]): readonly number[] =>
  values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));

/** Orders values of any kinds: by kind, then by value. */
export function compareScalars(left: Scalar, right: Scalar): number {
  if (typeof left !== typeof right) return typeof left < typeof right ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** murmur3's finalizer: FNV's low bits depend too much on the last character. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Two independent 32-bit hashes of a value; 1 and "1" differ. */
export function hashesOf(value: Scalar): readonly [number, number] {
  const text = `${typeof value}:${value}`;
  return [mix(fnv1a32(text)), mix(fnv1a32(`${text}\u0001`))];
}
