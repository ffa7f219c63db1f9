import { createHash } from 'node:crypto';
import type { Collection as MongoCollection } from 'mongodb';
import type { Document, IndexDeclaration } from '../../document-store.js';
import { checkIndexKey, indexKeyOf } from '../../index-keys.js';
import { keyText } from './key-text.js';

/** A document as MongoDB has it. */
export interface StoredDocument {
  readonly _id: string;
  /** The version. */
  readonly v: number;
  /** Names the write that put it here, so that a writer whose answer was lost recognises its own. */
  readonly t: string;
  /** The declaration of the indexes that `k` was made by. */
  readonly x: string;
  /** By index, the key as text; without an entry the document is not in that index. */
  readonly k: Readonly<Record<string, string>>;
  /** The document itself. */
  readonly d: Document;
}

export type Documents = MongoCollection<StoredDocument>;

/** The indexes of a collection, ready for use. */
export interface DeclaredIndexes {
  readonly collection: string;
  readonly indexes: readonly {
    readonly name: string;
    readonly fields: readonly string[];
    readonly unique: boolean;
  }[];
  readonly fingerprint: string;
}

export function declaredIndexes<T extends Document>(
  collection: string,
  given: readonly IndexDeclaration<T>[],
): DeclaredIndexes {
  const indexes = given.map(({ name, fields, unique }) => ({
    name,
    fields: [...fields],
    unique: unique === true,
  }));
  return {
    collection,
    indexes,
    fingerprint: createHash('sha256').update(JSON.stringify(indexes)).digest('hex').slice(0, 16),
  };
}

export function keysOf(doc: Document, { collection, indexes }: DeclaredIndexes): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const { name, fields } of indexes) {
    const key = indexKeyOf(doc, fields);
    if (key === undefined) continue;
    checkIndexKey(collection, name, key);
    keys[name] = keyText(key);
  }
  return keys;
}
