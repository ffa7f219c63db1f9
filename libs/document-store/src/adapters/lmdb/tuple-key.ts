import type { IndexKey } from '../../document-store.js';

// Tuples as bytes that sort as the tuples do: numbers before strings, numbers by value, strings by UTF-8 bytes,
// a shorter tuple before its continuations. The string form is that of FoundationDB's tuple layer.
const numberTag = 0x01;
const stringTag = 0x02;

/** The bytes of a tuple; the bytes of a shorter tuple are a prefix of the bytes of its continuations. */
export function encodeTuple(key: IndexKey): Buffer {
  const parts = typeof key === 'string' || typeof key === 'number' ? [key] : key;
  if (parts.length === 1 && typeof parts[0] === 'string') return encodeString(parts[0]);
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? encodeNumber(part) : encodeString(part))),
  );
}

function encodeNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = numberTag;
  // Adding 0 turns -0 into 0, so that both are one key.
  bytes.writeDoubleBE(value + 0, 1);
  if ((bytes[1] ?? 0) & 0x80) for (let i = 1; i < 9; i++) bytes[i] = ~(bytes[i] ?? 0) & 0xff;
  else bytes[1] = (bytes[1] ?? 0) | 0x80;
  return bytes;
}

function encodeString(value: string): Buffer {
  const text = value.includes('\0') ? escapeNulls(value) : Buffer.from(value, 'utf8');
  const bytes = Buffer.allocUnsafe(text.length + 2);
  bytes[0] = stringTag;
  bytes.set(text, 1);
  bytes[text.length + 1] = 0;
  return bytes;
}

/** A zero byte inside a string is followed by 0xff, so that the end of a string sorts before it. */
function escapeNulls(value: string): Buffer {
  const text = Buffer.from(value, 'utf8');
  const out: number[] = [];
  for (const byte of text) out.push(...(byte === 0 ? [0, 0xff] : [byte]));
  return Buffer.from(out);
}

/** The first key after everything that begins with these bytes: no tag is 0xff. */
export function afterPrefix(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.from([0xff])]);
}
