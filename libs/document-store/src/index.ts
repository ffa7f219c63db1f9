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
export { openDocumentStore, type DocumentStoreOptions } from './open-document-store.js';
export { openLmdbDocumentStore, type LmdbDocumentStoreOptions } from './adapters/lmdb-document-store.js';
export { openMongoDocumentStore, type MongoDocumentStoreOptions } from './adapters/mongo-document-store.js';
export { maxDocumentBytes, maxIdBytes, maxIndexKeyBytes } from './index-keys.js';
