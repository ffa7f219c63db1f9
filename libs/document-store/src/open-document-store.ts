import type { DocumentStore } from './document-store.js';
import { openLmdbDocumentStore, type LmdbDocumentStoreOptions } from './adapters/lmdb-document-store.js';
import { openMongoDocumentStore, type MongoDocumentStoreOptions } from './adapters/mongo-document-store.js';

/** Which engine keeps the documents, and what it needs. */
export type DocumentStoreOptions =
  | ({ readonly kind: 'lmdb' } & LmdbDocumentStoreOptions)
  | ({ readonly kind: 'mongodb' } & MongoDocumentStoreOptions);

/** Opens the document store on the engine that the deployment chose. */
export function openDocumentStore(options: DocumentStoreOptions): Promise<DocumentStore> {
  return options.kind === 'lmdb' ? openLmdbDocumentStore(options) : openMongoDocumentStore(options);
}
