import type { DocumentStore } from './document-store.js';
import type { LmdbDocumentStoreOptions } from './adapters/lmdb-document-store.js';
import type { MongoDocumentStoreOptions } from './adapters/mongo-document-store.js';

/** Which engine keeps the documents, and what it needs. */
export type DocumentStoreOptions =
  | ({ readonly kind: 'lmdb' } & LmdbDocumentStoreOptions)
  | ({ readonly kind: 'mongodb' } & MongoDocumentStoreOptions);

/** Opens the document store on the engine that the deployment chose. */
export function openDocumentStore(options: DocumentStoreOptions): Promise<DocumentStore> {
  return options.kind === 'lmdb' ? openLmdbDocumentStore(options) : openMongoDocumentStore(options);
}

// A driver is loaded with the first store that needs it: a process starts sooner without the other one.

/** Opens the document store that is kept in a folder of this machine, for this process alone. */
export async function openLmdbDocumentStore(options: LmdbDocumentStoreOptions): Promise<DocumentStore> {
  return (await import('./adapters/lmdb-document-store.js')).openLmdbDocumentStore(options);
}

/** Opens the document store on MongoDB 6 or newer: a replica set or a sharded cluster. */
export async function openMongoDocumentStore(options: MongoDocumentStoreOptions): Promise<DocumentStore> {
  return (await import('./adapters/mongo-document-store.js')).openMongoDocumentStore(options);
}
