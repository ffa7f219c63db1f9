import type { IndexKey } from '../../document-store.js';

// Tuples as bytes that sort as the tuples do: numbers before strings, numbers by value, strings by UTF-8 bytes,
// a shorter tuple before its continuations. The string form is that of FoundationDB's tuple layer.
const numberTag = 0x01;
const stringTag = 0x02;

/** Keys are written here first, and copied from here at the length that they have. */
let room = Buffer.allocUnsafeSlow(8 * 1024);

/** The bytes of a tuple; the bytes of a shorter tuple are a prefix of the bytes of its continuations. */
export function encodeTuple(key: IndexKey): Buffer {
  const parts = typeof key === 'object' ? key : [key];
  let at = 0;
  for (const part of parts) at = typeof part === 'number' ? putNumber(part, at) : putString(part, at);
  const bytes = Buffer.allocUnsafe(at);
  room.copy(bytes, 0, 0, at);
  return bytes;
}

/** The bytes of a tuple, continued by one string. */
export function continueTuple(tuple: Buffer, last: string): Buffer {
  reserve(0, tuple.length);
  tuple.copy(room, 0);
  const end = putString(last, tuple.length);
  const bytes = Buffer.allocUnsafe(end);
  room.copy(bytes, 0, 0, end);
  return bytes;
}

function reserve(at: number, more: number): void {
  if (at + more <= room.length) return;
  const larger = Buffer.allocUnsafeSlow((at + more) * 2);
  room.copy(larger, 0, 0, at);
  room = larger;
}

function putNumber(value: number, at: number): number {
  reserve(at, 9);
  room[at] = numberTag;
  // Adding 0 turns -0 into 0, so that both are one key.
  room.writeDoubleBE(value + 0, at + 1);
  if ((room[at + 1] ?? 0) & 0x80) for (let i = at + 1; i < at + 9; i++) room[i] = ~(room[i] ?? 0) & 0xff;
  else room[at + 1] = (room[at + 1] ?? 0) | 0x80;
  return at + 9;
}

/** A zero byte inside a string is followed by 0xff, so that the end of a string sorts before it. */
function putString(value: string, from: number): number {
  // UTF-8 needs at most three bytes for each UTF-16 unit, a zero byte two.
  reserve(from, value.length * 3 + 2);
  let at = from;
  room[at++] = stringTag;
  for (let start = 0; ;) {
    const zero = value.indexOf('\0', start);
    const text = start === 0 && zero === -1 ? value : value.slice(start, zero === -1 ? undefined : zero);
    at += room.write(text, at, 'utf8');
    room[at++] = 0;
    if (zero === -1) return at;
    room[at++] = 0xff;
    start = zero + 1;
  }
}

/** The first key after everything that begins with these bytes: no tag is 0xff. */
export function afterPrefix(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.from([0xff])]);
}
