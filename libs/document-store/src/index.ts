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
