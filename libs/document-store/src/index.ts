export type {
  Collection,
  CollectionDeclaration,
  Document,
  DocumentStore,
  IndexDeclaration,
  IndexKey,
  ScanOptions,
  Stored,
  Write,
  WriteResult,
} from './document-store.js';
export {
  openDocumentStore,
  openLmdbDocumentStore,
  openMongoDocumentStore,
  type DocumentStoreOptions,
} from './open-document-store.js';
export type { LmdbDocumentStoreOptions } from './adapters/lmdb-document-store.js';
export type { MongoDocumentStoreOptions } from './adapters/mongo-document-store.js';
export { maxDocumentBytes, maxIdBytes, maxIndexKeyBytes } from './index-keys.js';
