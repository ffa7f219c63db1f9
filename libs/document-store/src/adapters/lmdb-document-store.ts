import { mkdirSync } from 'node:fs';
import { open, type Database, type RootDatabase } from 'lmdb';
import { lockFolder, type FolderLock } from '@rapport/folder-lock';
import { RapportError } from '@rapport/kernel';
import type { Collection, CollectionDeclaration, Document, DocumentStore } from '../document-store.js';
import { buildIndexes, type StoredDeclaration } from './lmdb/build-indexes.js';
import { LmdbCollection, type LmdbIndex } from './lmdb/lmdb-collection.js';
import { WriteGroups } from './lmdb/write-groups.js';

export interface LmdbDocumentStoreOptions {
  /** A folder of its own, on a local disk; created where missing. One process at a time. */
  readonly path: string;
}

/** Collections and indexes together; LMDB wants the number beforehand. */
const maxDatabases = 256;

/** Opens the document store that is kept in a folder of this machine, for this process alone. */
export async function openLmdbDocumentStore(options: LmdbDocumentStoreOptions): Promise<DocumentStore> {
  mkdirSync(options.path, { recursive: true });
  const lock = lockFolder(options.path, 'DOCUMENT_STORE_IN_USE');
  try {
    // A transaction is visible when it is durable: no reader acts on what a power cut may take back.
    const root = open({ path: `${options.path}/documents`, overlappingSync: false, maxDbs: maxDatabases });
    return await Promise.resolve(new LmdbDocumentStore(root, lock));
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

class LmdbDocumentStore implements DocumentStore {
  readonly #root: RootDatabase;
  readonly #lock: FolderLock;
  readonly #groups: WriteGroups;
  readonly #declared: Database<StoredDeclaration, string>;
  readonly #opened = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(root: RootDatabase, lock: FolderLock) {
    this.#root = root;
    this.#lock = lock;
    this.#groups = new WriteGroups(root);
    this.#declared = root.openDB({ name: 'declarations' });
  }

  async collection<T extends Document>(declaration: CollectionDeclaration<T>): Promise<Collection<T>> {
    this.#groups.refuseWhenClosed();
    const { name } = declaration;
    if (this.#opened.has(name)) {
      throw new RapportError(
        'DOCUMENT_STORE_COLLECTION_TWICE',
        'invalid',
        `collection ${name} is open already: open it once and pass it on`,
      );
    }
    this.#opened.add(name);
    const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
    const documents = this.#root.openDB<Buffer, Buffer>({ name: `doc:${name}`, ...binary });
    const indexes: LmdbIndex[] = (declaration.indexes ?? []).map((index) => ({
      name: index.name,
      fields: index.fields,
      unique: index.unique === true,
      entries: this.#root.openDB<Buffer, Buffer>({ name: `idx:${name}:${index.name}`, ...binary }),
    }));
    await buildIndexes({ root: this.#root, declared: this.#declared, collection: name, documents, indexes });
    return new LmdbCollection(declaration, documents, indexes, this.#groups);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#groups.close();
    await this.#root.close();
    this.#lock.release();
  }
}
