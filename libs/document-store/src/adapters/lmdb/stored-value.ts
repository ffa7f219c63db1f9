import { crc32 } from 'node:zlib';
import { Packr, type Options } from 'msgpackr';
import { RapportError } from '@rapport/kernel';
import type { Document } from '../../document-store.js';

// A stored document: crc32 of all that follows u32 | version f64 | bytes of the index keys u32 | index keys | document.
// Index keys: per index, in the order of the declaration, length u16 (all ones: not in the index) and bytes. They are
// kept beside the document so that an update finds its old index entries without decoding it.
const headerBytes = 16;
const notIndexed = 0xffff;

// msgpackr knows skipValues (a property that is undefined is left out), its type declarations do not.
const packOptions: Options & { readonly skipValues: readonly unknown[] } = {
  useRecords: false,
  copyBuffers: true,
  skipValues: [undefined],
};
const packr = new Packr(packOptions);

/** A document ready to be stored, except for its version. */
export interface EncodedDocument {
  /** By index, in the order of the declaration. */
  readonly keys: readonly (Buffer | undefined)[];
  readonly bytes: Buffer;
}

/** What a write needs to know of a document that is there. */
export interface StoredHead {
  readonly version: number;
  readonly keys: readonly (Buffer | undefined)[];
}

/** Documents are packed here first, and copied from here at the length that they have. */
const packingRoom = Buffer.allocUnsafeSlow(64 * 1024);

/** The document as bytes, which the next call overwrites. */
export function packDocument(doc: Document): Buffer {
  packr.useBuffer(packingRoom);
  return packr.pack(doc);
}

/** Documents on their way to the disk lie side by side: one piece of memory of this size, and one address, for many. */
const slabBytes = 256 * 1024;
let slab = Buffer.allocUnsafeSlow(slabBytes);
let slabUsed = 0;

function allocate(bytes: number): Buffer {
  if (bytes > slabBytes / 8) return Buffer.allocUnsafeSlow(bytes);
  if (slabUsed + bytes > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    slabUsed = 0;
  }
  const from = slabUsed;
  slabUsed += bytes;
  return slab.subarray(from, slabUsed);
}

export function encodeDocument(packed: Buffer, keys: readonly (Buffer | undefined)[]): EncodedDocument {
  let keyBytes = 0;
  for (const key of keys) keyBytes += 2 + (key?.length ?? 0);
  const bytes = allocate(headerBytes + keyBytes + packed.length);
  bytes.writeUInt32LE(keyBytes, 12);
  let at = headerBytes;
  for (const key of keys) {
    at = bytes.writeUInt16LE(key?.length ?? notIndexed, at);
    if (key !== undefined) at += key.copy(bytes, at);
  }
  packed.copy(bytes, at);
  return { keys, bytes };
}

/** Completes the bytes, in place. */
export function seal(encoded: EncodedDocument, version: number): Buffer {
  encoded.bytes.writeDoubleLE(version, 4);
  encoded.bytes.writeUInt32LE(crc32(encoded.bytes.subarray(4)), 0);
  return encoded.bytes;
}

/**
 * What the stored bytes say before the document. `next`: the keys that are to take the place of the stored ones; where
 * a key stays as it is, which is usual, that very buffer is answered instead of a copy.
 */
export function headOf(bytes: Buffer, next: readonly (Buffer | undefined)[] = []): StoredHead {
  const end = headerBytes + bytes.readUInt32LE(12);
  const keys: (Buffer | undefined)[] = [];
  for (let at = headerBytes; at < end;) {
    const length = bytes.readUInt16LE(at);
    at += 2;
    if (length === notIndexed) {
      keys.push(undefined);
      continue;
    }
    const same = next[keys.length];
    keys.push(
      same !== undefined && bytes.compare(same, 0, same.length, at, at + length) === 0
        ? same
        : Buffer.from(bytes.subarray(at, at + length)),
    );
    at += length;
  }
  return { version: bytes.readDoubleLE(4), keys };
}

/** Throws DOCUMENT_STORE_CORRUPT when a single bit is not as it was written. */
export function decodeDocument<T extends Document>(
  collection: string,
  id: string,
  bytes: Buffer,
): { version: number; doc: T } {
  if (bytes.length < headerBytes || crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0)) {
    throw new RapportError(
      'DOCUMENT_STORE_CORRUPT',
      'internal',
      `document ${id} in ${collection} does not match its checksum: the disk or the file changed what was written. Restore the data folder from a copy`,
    );
  }
  const at = headerBytes + bytes.readUInt32LE(12);
  return { version: bytes.readDoubleLE(4), doc: packr.unpack(bytes.subarray(at)) as T };
}
