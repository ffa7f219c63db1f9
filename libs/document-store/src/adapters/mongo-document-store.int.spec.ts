import { randomUUID } from 'node:crypto';
import { beforeAll } from '@jest/globals';
import { sharedMongo } from '@rapport/local-engines';
import { documentStoreContract } from './document-store.contract.js';
import { openMongoDocumentStore } from './mongo-document-store.js';

let uri = '';
beforeAll(async () => {
  ({ uri } = await sharedMongo());
}, 120_000);

for (const bulkWriteCommand of [true, false]) {
  documentStoreContract(
    `MongoDB, ${bulkWriteCommand ? 'one bulkWrite command for a batch (8.0 and newer)' : 'one command for each document (6 and 7)'}`,
    async () => {
      const database = `contract-${randomUUID().slice(0, 8)}`;
      return {
        open: () => openMongoDocumentStore({ uri, database, bulkWriteCommand }),
        dispose: () => Promise.resolve(),
      };
    },
    { keepsOrder: false, rounds: 4, runs: 8 },
  );
}
