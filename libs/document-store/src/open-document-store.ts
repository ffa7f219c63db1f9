import type { DocumentStore } from './document-store.js';
import { openLmdbDocumentStore, type LmdbDocumentStoreOptions } from './adapters/lmdb-document-store.js';

/** Which engine keeps the documents, and what it needs. */
export type DocumentStoreOptions = { readonly kind: 'lmdb' } & LmdbDocumentStoreOptions;

/** Opens the document store on the engine that the deployment chose. */
export function openDocumentStore(options: DocumentStoreOptions): Promise<DocumentStore> {
  return openLmdbDocumentStore(options);
}
