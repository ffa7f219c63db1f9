import { keyBytes, maxKeyBytes, RapportError, weighsAtMost } from '@rapport/kernel';
import type { Document, IndexKey, ScanOptions } from './document-store.js';

/** Longest `id` and longest single index key, as `keyBytes` measures; LMDB ends at 1978 with both together. */
export const maxIdBytes = maxKeyBytes;
export const maxIndexKeyBytes = 2 * maxKeyBytes;
/** MongoDB's limit, kept by both adapters. */
export const maxDocumentBytes = 16 * 1024 * 1024;

/** The values of an index's fields; undefined when the document lacks one, and so is not in the index. */
export function indexKeyOf(
  doc: Document,
  fields: readonly string[],
): readonly (string | number)[] | undefined {
  const key: (string | number)[] = [];
  for (const field of fields) {
    const value = valueAt(doc, field);
    if (typeof value === 'string' || (typeof value === 'number' && !Number.isNaN(value))) key.push(value);
    else return undefined;
  }
  return key;
}

function valueAt(doc: Document, field: string): unknown {
  if (!field.includes('.')) return (doc as Record<string, unknown>)[field];
  let value: unknown = doc;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Halves of a character that was cut: MongoDB would keep another id than the one that was given. */
const halfCharacter = /\p{Surrogate}/u;

/** Throws DOCUMENT_ID_INVALID. */
export function checkId(collection: string, id: string): void {
  if (halfCharacter.test(id))
    throw new RapportError(
      'DOCUMENT_ID_INVALID',
      'invalid',
      `an id in ${collection} is no well-formed text: ${JSON.stringify(id.slice(0, 80))}`,
    );
  if (mayExist(id)) return;
  throw new RapportError(
    'DOCUMENT_ID_INVALID',
    'invalid',
    `an id in ${collection} has ${keyBytes(id)} bytes; expected 1 to ${maxIdBytes}`,
  );
}

/** Whether there can be a document of this id: nobody finds what nobody can have written, and engines end at longer keys. */
export const mayExist = (id: string): boolean => id.length > 0 && weighsAtMost(id, maxIdBytes);

/** Throws DOCUMENT_INDEX_KEY_TOO_LONG. */
export function checkIndexKey(collection: string, index: string, key: IndexKey): void {
  const parts = typeof key === 'object' ? key : [key];
  let bytes = 0;
  for (const part of parts) bytes += typeof part === 'string' ? part.length * 3 : 9;
  if (bytes <= maxIndexKeyBytes) return;
  bytes = 0;
  for (const part of parts) bytes += typeof part === 'string' ? keyBytes(part) : 9;
  if (bytes <= maxIndexKeyBytes) return;
  throw new RapportError(
    'DOCUMENT_INDEX_KEY_TOO_LONG',
    'too_large',
    `a document in ${collection} has a key of ${bytes} bytes for index ${index}; at most ${maxIndexKeyBytes} can be indexed: index a hash of the value instead`,
  );
}

/** Throws DOCUMENT_TOO_LARGE. */
export function checkSize(collection: string, id: string, bytes: number): void {
  if (bytes <= maxDocumentBytes) return;
  throw new RapportError(
    'DOCUMENT_TOO_LARGE',
    'too_large',
    `document ${id} in ${collection} has ${bytes} bytes; at most ${maxDocumentBytes} are stored: cap its lists, or keep them in a collection of their own`,
  );
}

export const indexMissing = (collection: string, index: string, known: readonly string[]): RapportError =>
  new RapportError(
    'DOCUMENT_INDEX_MISSING',
    'invalid',
    `collection ${collection} has no index ${index}; it has _id${known.map((name) => `, ${name}`).join('')}`,
  );

/** Longest bound of a scan: longer than any key that can be stored, and short enough for every engine to look for. */
const maxBoundBytes = 3 * maxKeyBytes;

const bytesOf = (key: IndexKey): number => {
  const parts = typeof key === 'object' ? key : [key];
  return parts.reduce<number>((bytes, part) => bytes + (typeof part === 'string' ? keyBytes(part) : 9), 0);
};

/** Throws DOCUMENT_SCAN_INVALID where a bound names no field, more fields than the index has, or is longer than any key. */
export function checkBounds(index: string, fields: number, { from, to, prefix, after }: ScanOptions): void {
  for (const bound of [from, to, prefix, after?.key, after?.id]) {
    const bytes = bound === undefined ? 0 : bytesOf(bound);
    if (bytes > maxBoundBytes)
      throw new RapportError(
        'DOCUMENT_SCAN_INVALID',
        'invalid',
        `a scan of index ${index} takes bounds of at most ${maxBoundBytes} bytes; one of ${bytes} came`,
      );
  }
  for (const bound of [from, to, prefix]) {
    const given = typeof bound === 'object' ? bound.length : 1;
    if (bound !== undefined && (given < 1 || given > fields))
      throw scanInvalid(index, `a bound of 1 to ${fields} fields`, given);
  }
  const given = typeof after?.key === 'object' ? after.key.length : 1;
  if (after !== undefined && given !== fields)
    throw scanInvalid(index, `the whole key of ${fields} fields in after`, given);
}

const scanInvalid = (index: string, expected: string, given: number): RapportError =>
  new RapportError(
    'DOCUMENT_SCAN_INVALID',
    'invalid',
    `a scan of index ${index} takes ${expected}; ${given} came`,
  );
