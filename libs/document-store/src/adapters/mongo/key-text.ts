import type { IndexKey } from '../../document-store.js';

// A tuple as one text that sorts by code point as the tuple does (MongoDB compares texts by their UTF-8 bytes, which
// is the same order). One text in place of the fields themselves, since MongoDB compares values of one type only:
// a range over numbers and strings, or one that begins within a tuple, would not be one range of an index.
const numberTag = '\u0001';
const stringTag = '\u0002';
const bytes = new DataView(new ArrayBuffer(8));

export function keyText(key: IndexKey): string {
  const parts = typeof key === 'string' || typeof key === 'number' ? [key] : key;
  let text = '';
  for (const part of parts)
    text += typeof part === 'number' ? numberText(part) : `${stringTag}${part.replaceAll('\0', '\0ÿ')}\0`;
  return text;
}

/** The double with its sign bit turned, so that its bytes sort by value; each byte as one character. */
function numberText(value: number): string {
  // Adding 0 turns -0 into 0, so that both are one key.
  bytes.setFloat64(0, value + 0);
  const negative = bytes.getUint8(0) >= 0x80;
  let text = numberTag;
  for (let at = 0; at < 8; at++) {
    const byte = bytes.getUint8(at);
    text += String.fromCharCode(negative ? ~byte & 0xff : at === 0 ? byte | 0x80 : byte);
  }
  return text;
}

/** Behind everything that begins with this text: a part goes on with a tag, and tags are smaller. */
export const afterPrefixText = (text: string): string => `${text}\u0003`;

/** By code point, as the server compares. */
export const compareText = (a: string, b: string): number =>
  Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
