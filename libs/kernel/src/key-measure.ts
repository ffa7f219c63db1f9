/**
 * The longest text that every store and the log take as a key, in bytes of UTF-8 (LMDB ends at 1978 with an index
 * entry's parts together). Doors and stores measure with `keyBytes` and nothing else, so what a door takes can be kept.
 */
export const maxKeyBytes = 500;

/** What a text weighs as a key, or as a part of one: bytes of UTF-8. */
export function keyBytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Whether a text weighs at most so many bytes; most texts are so short that nothing is counted. */
export function weighsAtMost(text: string, bytes: number): boolean {
  return text.length * 3 <= bytes || (text.length <= bytes && keyBytes(text) <= bytes);
}
