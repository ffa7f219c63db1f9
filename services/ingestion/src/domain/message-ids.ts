import type { Random } from '@rapport/kernel';

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

/** Makes ids for events that come without one: UUIDs of version 4 from the host's randomness. */
export function messageIdsFrom(random: Random): () => string {
  const bits = (count: number): number => Math.floor(random() * 2 ** count);
  return () =>
    `${hex(bits(32), 8)}-${hex(bits(16), 4)}-4${hex(bits(12), 3)}-${hex(0x8000 | bits(14), 4)}-${hex(bits(24), 6)}${hex(bits(24), 6)}`;
}
