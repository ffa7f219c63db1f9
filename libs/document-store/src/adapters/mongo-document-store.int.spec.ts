import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { MongoClient, type Filter, type FindOptions } from 'mongodb';
import { sharedMongo } from '@rapport/local-engines';
import { documentStoreContract } from './document-store.contract.js';
import { openMongoDocumentStore } from './mongo-document-store.js';
import { MongoDocuments } from './mongo/mongo-documents.js';
import { declaredIndexes, type Documents, type StoredDocument } from './mongo/stored-document.js';
import { WriteChanges } from './mongo/write-changes.js';

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

describe('MongoDB document store', () => {
  it.each([true, false])(
    'refuses a key with U+0000 at once, bulkWrite command %s',
    async (bulkWriteCommand) => {
      const store = await openMongoDocumentStore({
        uri,
        database: `nul-${randomUUID().slice(0, 8)}`,
        bulkWriteCommand,
      });
      const people = await store.collection<Record<string, number>>({ name: 'people' });
      const doc = { ['a\u0000b']: 1 };
      await expect(people.write([{ id: 'a', doc }])).rejects.toMatchObject({ code: 'DOCUMENT_INVALID' });
      await store.close();
    },
  );
});

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

describe('MongoDB document store, asked for a range', () => {
  interface Event {
    readonly person: string;
    readonly at: number;
    readonly key: string;
  }
  const indexes = [
    { name: 'time', fields: ['person', 'at'] },
    { name: 'key', fields: ['key'], unique: true },
  ] as const;

  it('has every question answered from an index, first pages and following ones', async () => {
    const database = `plans-${randomUUID().slice(0, 8)}`;
    const store = await openMongoDocumentStore({ uri, database });
    const events = await store.collection<Event>({ name: 'events', indexes });
    const many = Array.from({ length: 200 }, (_, n) => ({
      id: `e${n}`,
      doc: { person: `p${n % 20}`, at: n, key: `k${n}` },
    }));
    await events.write(many);
    const client = new MongoClient(uri);
    const documents = client.db(database).collection<StoredDocument>('events');
    const asked: { filter: Filter<StoredDocument>; options: FindOptions }[] = [];
    const watched = Object.create(documents, {
      find: {
        value: (filter: Filter<StoredDocument>, options: FindOptions) => {
          asked.push({ filter, options });
          return documents.find(filter, options);
        },
      },
    }) as Documents;
    const declared = declaredIndexes<Event>('events', indexes);
    const changes = new WriteChanges(watched, declared, () => Promise.resolve([]));
    const reader = new MongoDocuments<Event>(watched, declared, changes, () => undefined, uri);
    try {
      const prefix = ['p7'];
      expect(await reader.scan('time', { prefix })).toHaveLength(10);
      expect(await reader.scan('time', { prefix, after: { key: ['p7', 27], id: 'e27' } })).toHaveLength(8);
      expect(
        await reader.scan('time', { prefix, reverse: true, after: { key: ['p7', 27], id: 'e27' } }),
      ).toHaveLength(1);
      expect(await reader.scan('key', { from: 'k5', to: 'k6' })).toHaveLength(11);
      expect(asked).toHaveLength(6);
      for (const { filter, options } of asked) {
        const plan = JSON.stringify(await documents.find(filter, options).explain());
        expect(plan).toContain('IXSCAN');
        expect(plan).not.toContain('COLLSCAN');
      }
    } finally {
      await client.close();
      await store.close();
    }
  });
});
