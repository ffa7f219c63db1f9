// A process that opens a store, reads every document and writes how many there were:
// node --import ./tools/jest/typescript-hooks.mjs read-all-counters.ts FOLDER
import { openLmdbDocumentStore } from '../adapters/lmdb-document-store.js';
import { counters } from './counters.js';

const store = await openLmdbDocumentStore({ path: process.argv[2] ?? '' });
const documents = await store.collection(counters);
const all = await documents.scan('byValue', { limit: 1_000_000 });
process.stdout.write(String(all.filter(({ doc }) => doc.padding.length >= 0).length));
await store.close();
