import type { Database, RootDatabase } from 'lmdb';
import { RapportError } from '@rapport/kernel';
import { entryKey, keysOf, type Bytes, type LmdbIndex } from './lmdb-collection.js';
import { decodeDocument, encodeDocument, packDocument, seal } from './stored-value.js';

/** How the indexes of a collection stood when it was last opened. */
export interface StoredDeclaration {
  readonly indexes: readonly {
    readonly name: string;
    readonly fields: readonly string[];
    readonly unique: boolean;
  }[];
  /** Building was begun and not finished: whatever is declared next is built anew. */
  readonly unfinished?: true;
}

export interface IndexBuild {
  readonly root: RootDatabase;
  readonly declared: Database<StoredDeclaration, string>;
  readonly collection: string;
  readonly documents: Bytes;
  readonly indexes: readonly LmdbIndex[];
}

/** Documents rewritten in one transaction. */
const documentsPerStep = 500;

/**
 * Brings the stored indexes to the declaration: where it changed since the last time, all indexes of the collection
 * are emptied and built anew. A crash or a refusal in between starts over at the next opening.
 */
export async function buildIndexes(build: IndexBuild): Promise<void> {
  const wanted: StoredDeclaration = {
    indexes: build.indexes.map(({ name, fields, unique }) => ({ name, fields: [...fields], unique })),
  };
  const there = build.declared.get(build.collection);
  if (JSON.stringify(there) === JSON.stringify(wanted)) return;
  if (there !== undefined) {
    await build.declared.put(build.collection, {
      indexes: [...there.indexes, ...wanted.indexes],
      unfinished: true,
    });
    await rebuild(build, there);
  }
  await build.declared.put(build.collection, wanted);
}

async function rebuild(build: IndexBuild, there: StoredDeclaration): Promise<void> {
  const { root, documents, indexes } = build;
  await dropUndeclared(build, there);
  for (const index of indexes) await index.entries.clearAsync();
  let from: Buffer = Buffer.from([0]);
  for (;;) {
    const step = [...documents.getRange({ start: from, limit: documentsPerStep })].map(({ key, value }) => ({
      key: Buffer.from(key),
      value: Buffer.from(value),
    }));
    const last = step.at(-1);
    if (last === undefined) return;
    // Whatever can be refused is refused before the transaction is gathered.
    const taken = new Map<string, string>();
    const indexed = step.map(({ key, value }) => reindexed(build, key, value, taken));
    await root.batch(() => {
      for (const { key, keys, bytes } of indexed) {
        void documents.put(key, bytes);
        indexes.forEach((index, at) => {
          const indexKey = keys[at];
          if (indexKey !== undefined)
            void index.entries.put(entryKey(index, indexKey, key.toString('utf8')), key);
        });
      }
    });
    from = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

function reindexed(
  build: IndexBuild,
  key: Buffer,
  value: Buffer,
  taken: Map<string, string>,
): { key: Buffer; keys: readonly (Buffer | undefined)[]; bytes: Buffer } {
  const id = key.toString('utf8');
  const { version, doc } = decodeDocument(build.collection, id, value);
  const keys = keysOf(build.collection, doc, build.indexes);
  build.indexes.forEach((index, at) => {
    const indexKey = keys[at];
    if (index.unique && indexKey !== undefined) refuseSecond(build, index, indexKey, id, taken);
  });
  return { key, keys, bytes: seal(encodeDocument(packDocument(doc), keys), version) };
}

async function dropUndeclared(build: IndexBuild, there: StoredDeclaration): Promise<void> {
  for (const name of new Set(there.indexes.map((index) => index.name))) {
    if (build.indexes.some((index) => index.name === name)) continue;
    const entries = build.root.openDB<Buffer, Buffer>({
      name: `idx:${build.collection}:${name}`,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    await entries.drop();
  }
}

function refuseSecond(
  build: IndexBuild,
  index: LmdbIndex,
  key: Buffer,
  id: string,
  taken: Map<string, string>,
): void {
  const name = `${index.name}:${key.toString('latin1')}`;
  const other = taken.get(name) ?? index.entries.getBinary(key)?.toString('utf8');
  if (other !== undefined) {
    throw new RapportError(
      'DOCUMENT_STORE_DUPLICATE',
      'conflict',
      `index ${index.name} of ${build.collection} cannot be unique: documents ${other} and ${id} have the same key. Remove one of them, or declare the index without unique`,
    );
  }
  taken.set(name, id);
}
