import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
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

describe('MongoDB document store, several replicas at once', () => {
  interface Person {
    readonly name: string;
    readonly age: number;
  }
  const byName = { name: 'byName', fields: ['name'] } as const;
  const byAge = { name: 'byAge', fields: ['age'] } as const;

  it('lets replicas start at the same time on a new collection, and on one whose indexes changed', async () => {
    const database = `replicas-${randomUUID().slice(0, 8)}`;
    for (const indexes of [[byName], [byName, byAge]]) {
      const stores = await Promise.all(
        Array.from({ length: 4 }, () => openMongoDocumentStore({ uri, database })),
      );
      const people = await Promise.all(
        stores.map((store) => store.collection<Person>({ name: 'people', indexes })),
      );
      await Promise.all(
        people.map((each, n) =>
          each.write([{ id: `p${n}-${indexes.length}`, doc: { name: `n${n}`, age: n } }]),
        ),
      );
      for (const { name } of indexes) expect(await people[0]?.scan(name)).toHaveLength(4 * indexes.length);
      await Promise.all(stores.map((store) => store.close()));
    }
  });

  it('finds at the next start what a replica of the release before wrote in a rolling update', async () => {
    const database = `rolling-${randomUUID().slice(0, 8)}`;
    const before = await openMongoDocumentStore({ uri, database });
    const old = await before.collection<Person>({ name: 'people', indexes: [byName] });
    const updated = await openMongoDocumentStore({ uri, database });
    const fresh = await updated.collection<Person>({ name: 'people', indexes: [byName, byAge] });
    await old.write([{ id: 'late', doc: { name: 'Late', age: 7 } }]);
    expect(await fresh.scan('byName')).toHaveLength(1);
    await before.close();
    const last = await openMongoDocumentStore({ uri, database });
    const people = await last.collection<Person>({ name: 'people', indexes: [byName, byAge] });
    expect(await people.scan('byAge')).toEqual([{ id: 'late', version: 1, doc: { name: 'Late', age: 7 } }]);
    await Promise.all([updated.close(), last.close()]);
  });
});
