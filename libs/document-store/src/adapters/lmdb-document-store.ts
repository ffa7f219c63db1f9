import { mkdirSync } from 'node:fs';
import { open, type Database, type RootDatabase } from 'lmdb';
import { lockFolder, type FolderLock } from '@rapport/folder-lock';
import { RapportError } from '@rapport/kernel';
import type { Collection, CollectionDeclaration, Document, DocumentStore } from '../document-store.js';
import { refuseDamagedFile, tolerateDroppedCommits } from '@rapport/lmdb-commits';
import { buildIndexes, type StoredDeclaration } from './lmdb/build-indexes.js';
import { LmdbCollection, type LmdbIndex } from './lmdb/lmdb-collection.js';
import { WriteGroups } from './lmdb/write-groups.js';

export interface LmdbDocumentStoreOptions {
  /** A folder of its own, on a local disk; created where missing. One process at a time. */
  readonly path: string;
}

/** Documents of a write that are encoded and decided without letting the event loop turn. */
const atOnce = 16;

/** Collections and indexes together; LMDB wants the number beforehand. */
const maxDatabases = 256;

/** Where the two environments of a store lie within its folder. */
const folders = { usual: 'documents', urgent: 'urgent' } as const;

/** Opens the document store that is kept in a folder of this machine, for this process alone. */
export async function openLmdbDocumentStore(options: LmdbDocumentStoreOptions): Promise<DocumentStore> {
  tolerateDroppedCommits();
  mkdirSync(options.path, { recursive: true });
  const lock = lockFolder(options.path, 'DOCUMENT_STORE_IN_USE');
  try {
    for (const folder of Object.values(folders))
      refuseDamagedFile(`${options.path}/${folder}`, 'DOCUMENT_STORE_DAMAGED');
    return await Promise.resolve(new LmdbDocumentStore(options.path, lock));
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/** One LMDB environment: its writes are committed one group after the other, whatever other environments do. */
class Environment {
  readonly root: RootDatabase;
  readonly groups: WriteGroups;
  readonly declared: Database<StoredDeclaration, string>;

  constructor(path: string, documentsAtOnce: number) {
    // A transaction is visible when it is durable: no reader acts on what a power cut may take back.
    this.root = open({ path, overlappingSync: false, maxDbs: maxDatabases });
    this.groups = new WriteGroups(this.root, documentsAtOnce);
    this.declared = this.root.openDB({ name: 'declarations' });
  }

  async close(): Promise<void> {
    await this.groups.close();
    await this.root.close();
  }
}

class LmdbDocumentStore implements DocumentStore {
  readonly #path: string;
  readonly #lock: FolderLock;
  readonly #usual: Environment;
  /** Opened with the first urgent collection. */
  #urgent: Environment | undefined;
  readonly #opened = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(path: string, lock: FolderLock) {
    this.#path = path;
    this.#lock = lock;
    this.#usual = new Environment(`${path}/${folders.usual}`, atOnce);
  }

  async collection<T extends Document>(declaration: CollectionDeclaration<T>): Promise<Collection<T>> {
    this.#usual.groups.refuseWhenClosed();
    const { name } = declaration;
    if (this.#opened.has(name)) {
      throw new RapportError(
        'DOCUMENT_STORE_COLLECTION_TWICE',
        'invalid',
        `collection ${name} is open already: open it once and pass it on`,
      );
    }
    this.#opened.add(name);
    const { root, groups, declared } = this.#environmentOf(declaration);
    const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
    const documents = root.openDB<Buffer, Buffer>({ name: `doc:${name}`, ...binary });
    const indexes: LmdbIndex[] = (declaration.indexes ?? []).map((index) => ({
      name: index.name,
      fields: index.fields,
      unique: index.unique === true,
      entries: root.openDB<Buffer, Buffer>({ name: `idx:${name}:${index.name}`, ...binary }),
    }));
    await buildIndexes({ root, declared, collection: name, documents, indexes });
    return new LmdbCollection(declaration, documents, indexes, groups);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #environmentOf<T extends Document>(declaration: CollectionDeclaration<T>): Environment {
    if (declaration.urgent !== true) return this.#usual;
    // Turns of the event loop are queued for by all batches: who waits for an urgent write must not wait for them too.
    this.#urgent ??= new Environment(`${this.#path}/${folders.urgent}`, Infinity);
    return this.#urgent;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#usual.close(), this.#urgent?.close()]);
    this.#lock.release();
  }
}
