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
 * are emptied and built anew. A crash in between starts over at the next opening, since the declaration is noted last.
 */
export async function buildIndexes(build: IndexBuild): Promise<void> {
  const wanted: StoredDeclaration = {
    indexes: build.indexes.map(({ name, fields, unique }) => ({ name, fields: [...fields], unique })),
  };
  const there = build.declared.get(build.collection);
  if (JSON.stringify(there) === JSON.stringify(wanted)) return;
  if (there !== undefined) await rebuild(build, there);
  await build.declared.put(build.collection, wanted);
}

async function rebuild(build: IndexBuild, there: StoredDeclaration): Promise<void> {
  for (const index of there.indexes) {
    if (build.indexes.some(({ name }) => name === index.name)) continue;
    await build.root
      .openDB<Buffer, Buffer>({
        name: `idx:${build.collection}:${index.name}`,
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      .drop();
  }
  for (const index of build.indexes) await index.entries.clearAsync();
  let from: Buffer = Buffer.from([0]);
  for (;;) {
    const step = [...build.documents.getRange({ start: from, limit: documentsPerStep })].map(
      ({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }),
    );
    const last = step.at(-1);
    if (last === undefined) return;
    const taken = new Map<string, string>();
    await build.root.batch(() => {
      for (const { key, value } of step) reindex(build, key, value, taken);
    });
    from = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

function reindex(build: IndexBuild, key: Buffer, value: Buffer, taken: Map<string, string>): void {
  const id = key.toString('utf8');
  const { version, doc } = decodeDocument(build.collection, id, value);
  const keys = keysOf(build.collection, doc, build.indexes);
  build.indexes.forEach((index, at) => {
    const indexKey = keys[at];
    if (indexKey === undefined) return;
    if (index.unique) refuseSecond(build, index, indexKey, id, taken);
    void index.entries.put(entryKey(index, indexKey, id), key);
  });
  void build.documents.put(key, seal(encodeDocument(packDocument(doc), keys), version));
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
