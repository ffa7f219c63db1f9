// A process that compares and sets documents as fast as it can and writes a line for each acknowledgement, until
// somebody kills it: node --import ./tools/jest/typescript-hooks.mjs count-until-killed.ts FOLDER
import { openLmdbDocumentStore } from '../adapters/lmdb-document-store.js';
import { counters } from './counters.js';

const store = await openLmdbDocumentStore({ path: process.argv[2] ?? '' });
const documents = await store.collection(counters);

async function count(worker: number): Promise<void> {
  for (;;) {
    const ids = Array.from({ length: 5 }, (_, n) => `counter-${worker}-${n}`);
    const current = await documents.getMany(ids);
    const results = await documents.write(
      ids.map((id, at) => {
        const value = (current[at]?.doc.value ?? 0) + 1;
        return {
          id,
          doc: { value, owner: `${id}:${value}`, padding: 'x'.repeat(value % 300) },
          expectedVersion: current[at]?.version ?? 0,
        };
      }),
    );
    const versions = results.map((result, at) => [ids[at], result.kind === 'written' ? result.version : -1]);
    process.stdout.write(`${JSON.stringify(versions)}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, worker) => count(worker)));
