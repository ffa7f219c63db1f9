import type { CollectionDeclaration } from '../document-store.js';

export interface Counter {
  readonly value: number;
  /** Follows from id and value, so that an index entry can be held against its document. */
  readonly owner: string;
  readonly padding: string;
}

export const counters: CollectionDeclaration<Counter> = {
  name: 'counters',
  indexes: [
    { name: 'byValue', fields: ['value'] },
    { name: 'byOwner', fields: ['owner'], unique: true },
  ],
};
