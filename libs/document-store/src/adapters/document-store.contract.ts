import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type {
  Collection,
  CollectionDeclaration,
  DocumentStore,
  Stored,
  Write,
  WriteResult,
} from '../document-store.js';
import { maxIdBytes, maxIndexKeyBytes } from '../index-keys.js';
import { plainListContract } from './document-store-properties.contract.js';
import { scansContract } from './document-store-scans.contract.js';

/** Where one test's documents are. Opened, closed and opened again it is still the same store. */
export interface DocumentStorePlace {
  open(): Promise<DocumentStore>;
  /** Takes away what was left behind. */
  dispose(): Promise<void>;
}

export interface DocumentStoreTraits {
  /** Writes of different documents take effect in the order given, within a call and between calls that overlap. */
  readonly keepsOrder: boolean;
  /** How often each of many writers has to win. */
  readonly rounds: number;
  /** Runs of each property. */
  readonly runs: number;
  /** Declares the collections as urgent. */
  readonly urgent?: boolean;
}

export interface Person {
  readonly name?: string | null;
  readonly city?: string | number;
  readonly age?: number | string;
  readonly email?: string;
  readonly nested?: { readonly due?: number };
}

const declaration = (name: string): CollectionDeclaration<Person & { 'nested.due'?: number }> => ({
  name,
  indexes: [
    { name: 'byCityAge', fields: ['city', 'age'] },
    { name: 'byEmail', fields: ['email'], unique: true },
    { name: 'byDue', fields: ['nested.due'] },
  ],
});

export type People = Collection<Person>;

/** What every document store must do, whatever keeps it. */
export function documentStoreContract(
  name: string,
  place: () => Promise<DocumentStorePlace>,
  traits: DocumentStoreTraits,
): void {
  describe(`document store: ${name}`, () => {
    let here: DocumentStorePlace;
    let store: DocumentStore;
    let people: People;
    let collectionName: string;
    let run = 0;

    beforeEach(async () => {
      here = await place();
      store = await here.open();
      // Names of their own, since a real engine keeps the collections of the test before.
      collectionName = `people-${Date.now().toString(36)}-${run++}`;
      people = await store.collection<Person>({
        ...declaration(collectionName),
        urgent: traits.urgent === true,
      });
    });

    afterEach(async () => {
      await store.close();
      await here.dispose();
    });

    const reopen = async (): Promise<void> => {
      await store.close();
      store = await here.open();
      people = await store.collection<Person>({
        ...declaration(collectionName),
        urgent: traits.urgent === true,
      });
    };
    const put = async (docs: Readonly<Record<string, Person>>): Promise<void> => {
      await people.write(Object.entries(docs).map(([id, doc]) => ({ id, doc })));
    };
    const idsOf = (found: readonly Stored<Person>[]): string[] => found.map(({ id }) => id);

    describe('documents', () => {
      it('keeps plain data as it is, also after it was closed', async () => {
        const doc = {
          name: 'Žofie 🙂',
          whole: 2 ** 52 + 1,
          negative: -17,
          fraction: 0.1,
          huge: 1.7976931348623157e308,
          yes: true,
          no: false,
          nothing: null,
          list: [1, 'two', [3, { four: 4 }], null],
          nested: { due: 5, 'with.dot': 1, $dollar: 2, empty: {}, emptyList: [] },
          when: new Date('2026-01-02T03:04:05.678Z'),
          text: '',
          nul: 'a\0b',
        };
        const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
        await people.write([{ id: 'a', doc: { ...doc, bytes } as Person }]);
        for (const again of [false, true]) {
          if (again) await reopen();
          const { bytes: kept, ...rest } = ((await people.get('a'))?.doc ?? {}) as { bytes?: Uint8Array };
          expect(rest).toEqual(doc);
          expect([...(kept ?? [])]).toEqual([...bytes]);
        }
      });

      it('leaves out what is undefined', async () => {
        const given: object = { name: 'Ada', city: undefined, nested: { due: undefined } };
        await people.write([{ id: 'a', doc: given }]);
        const doc = (await people.get('a'))?.doc ?? {};
        expect(Object.keys(doc)).toEqual(['name', 'nested']);
        expect(Object.keys((doc as { nested: object }).nested)).toEqual([]);
      });

      it('gives each reader a copy of its own', async () => {
        await put({ a: { name: 'Ada' } });
        const one = await people.get('a');
        Object.assign(one?.doc ?? {}, { name: 'changed' });
        expect((await people.get('a'))?.doc).toEqual({ name: 'Ada' });
      });

      it('answers undefined for what is not there', async () => {
        expect(await people.get('nobody')).toBeUndefined();
        await put({ a: { name: 'Ada' }, b: { name: 'Bob' } });
        const got = await people.getMany(['b', 'nobody', 'a', 'b']);
        expect(got.map((each) => each?.id)).toEqual(['b', undefined, 'a', 'b']);
        expect(await people.getMany([])).toEqual([]);
      });

      it('keeps collections apart, and counts', async () => {
        const others = await store.collection<Person>({ name: `${collectionName}-others` });
        await put({ a: { name: 'Ada' } });
        await others.write([
          { id: 'a', doc: { name: 'Other' } },
          { id: 'b', doc: { name: 'Other' } },
        ]);
        expect((await people.get('a'))?.doc.name).toBe('Ada');
        expect([await people.count(), await others.count()]).toEqual([1, 2]);
        await people.write([{ id: 'a', remove: true }]);
        expect([await people.count(), await others.count()]).toEqual([0, 2]);
      });

      it('counts those that are in an index', async () => {
        await put({
          a: { name: 'Ada', email: 'ada@x' },
          b: { name: 'Bob' },
          c: { name: 'Cy', email: 'cy@x' },
        });
        expect([await people.count(), await people.count('byEmail')]).toEqual([3, 2]);
        await put({ a: { name: 'Ada' } });
        expect(await people.count('byEmail')).toBe(1);
        await expect(people.count('byNothing')).rejects.toMatchObject({ code: 'DOCUMENT_INDEX_MISSING' });
      });

      it('refuses what it cannot keep, and then writes nothing of the call', async () => {
        const big = { id: 'big', doc: { name: 'x'.repeat(17 * 1024 * 1024) } };
        await expect(people.write([{ id: 'a', doc: {} }, big])).rejects.toMatchObject({
          code: 'DOCUMENT_TOO_LARGE',
        });
        await expect(
          people.write([
            { id: 'a', doc: {} },
            { id: '', doc: {} },
          ]),
        ).rejects.toMatchObject({ code: 'DOCUMENT_ID_INVALID' });
        await expect(people.write([{ id: '😀'.slice(1), doc: {} }])).rejects.toMatchObject({
          code: 'DOCUMENT_ID_INVALID',
        });
        await expect(people.write([{ id: 'x'.repeat(maxIdBytes + 1), doc: {} }])).rejects.toMatchObject({
          code: 'DOCUMENT_ID_INVALID',
        });
        await expect(
          people.write([{ id: 'a', doc: { email: 'x'.repeat(maxIndexKeyBytes + 1) } }]),
        ).rejects.toMatchObject({ code: 'DOCUMENT_INDEX_KEY_TOO_LONG' });
        await expect(people.scan('byDue', { from: [1, 2] })).rejects.toMatchObject({
          code: 'DOCUMENT_SCAN_INVALID',
        });
        await expect(people.scan('_id', { prefix: [] })).rejects.toMatchObject({
          code: 'DOCUMENT_SCAN_INVALID',
        });
        await expect(people.scan('byNothing')).rejects.toMatchObject({ code: 'DOCUMENT_INDEX_MISSING' });
        expect(await people.count()).toBe(0);
      });

      it('finds nothing under an id that none can have, and refuses bounds that none can be', async () => {
        await people.write([{ id: 'a', doc: {} }]);
        const long = '漢'.repeat(2_000);
        expect(await people.get(long)).toBeUndefined();
        expect((await people.getMany([long, 'a', ''])).map((one) => one?.id)).toEqual([
          undefined,
          'a',
          undefined,
        ]);
        for (const options of [
          { from: long },
          { to: [long] },
          { prefix: long },
          { after: { key: long, id: long } },
        ])
          await expect(people.scan('_id', options)).rejects.toMatchObject({ code: 'DOCUMENT_SCAN_INVALID' });
      });

      it('keeps a document of ten megabytes, and the longest id and key', async () => {
        const name = 'x'.repeat(10 * 1024 * 1024);
        const id = 'ü'.repeat(maxIdBytes / 2);
        const email = `${'é'.repeat(maxIndexKeyBytes / 2)}`;
        expect(await people.write([{ id, doc: { name, email } }])).toEqual([{ kind: 'written', version: 1 }]);
        const got = await people.get(id);
        expect(got?.doc.name?.length).toBe(name.length);
        expect(idsOf(await people.scan('byEmail', { prefix: email }))).toEqual([id]);
      });
    });

    describe('versions', () => {
      it('counts the writes of a document from 1', async () => {
        expect(await people.write([{ id: 'a', doc: { name: '1' } }])).toEqual([
          { kind: 'written', version: 1 },
        ]);
        expect(
          await people.write([
            { id: 'a', doc: { name: '2' } },
            { id: 'a', doc: { name: '3' } },
          ]),
        ).toEqual([
          { kind: 'written', version: 2 },
          { kind: 'written', version: 3 },
        ]);
        expect(await people.get('a')).toEqual({ id: 'a', version: 3, doc: { name: '3' } });
      });

      it('writes only at the version expected, and tells which one stands there', async () => {
        const results = await people.write([
          { id: 'a', doc: { name: 'new' }, expectedVersion: 0 },
          { id: 'a', doc: { name: 'twice' }, expectedVersion: 0 },
          { id: 'a', doc: { name: 'next' }, expectedVersion: 1 },
          { id: 'a', doc: { name: 'stale' }, expectedVersion: 1 },
          { id: 'b', doc: { name: 'none' }, expectedVersion: 4 },
          { id: 'a', remove: true, expectedVersion: 1 },
          { id: 'a', remove: true, expectedVersion: 2 },
          { id: 'a', remove: true, expectedVersion: 2 },
          { id: 'c', remove: true },
          { id: 'c', remove: true, expectedVersion: 0 },
        ]);
        expect(results).toEqual([
          { kind: 'written', version: 1 },
          { kind: 'conflict', version: 1 },
          { kind: 'written', version: 2 },
          { kind: 'conflict', version: 2 },
          { kind: 'conflict', version: 0 },
          { kind: 'conflict', version: 2 },
          { kind: 'written', version: 0 },
          { kind: 'conflict', version: 0 },
          { kind: 'written', version: 0 },
          { kind: 'written', version: 0 },
        ]);
        expect(await people.count()).toBe(0);
        expect(await people.write([{ id: 'a', doc: { name: 'again' }, expectedVersion: 0 }])).toEqual([
          { kind: 'written', version: 1 },
        ]);
      });

      it('loses no update of 16 writers that compare and set one document', async () => {
        const rounds = traits.rounds;
        await Promise.all(
          Array.from({ length: 16 }, async () => {
            for (let won = 0; won < rounds;) {
              const current = await people.get('counter');
              const age = Number(current?.doc.age ?? 0) + 1;
              const [result] = await people.write([
                { id: 'counter', doc: { age }, expectedVersion: current?.version ?? 0 },
              ]);
              if (result?.kind === 'written') won++;
            }
          }),
        );
        expect(await people.get('counter')).toEqual({
          id: 'counter',
          version: 16 * rounds,
          doc: { age: 16 * rounds },
        });
      });

      it('answers many writes at once, each in its place', async () => {
        const batches = await Promise.all(
          Array.from({ length: 20 }, (_, batch) =>
            people.write(
              Array.from({ length: 50 }, (_, n) => ({
                id: `${batch}-${n}`,
                doc: { age: n },
                expectedVersion: n % 5 === 0 ? 3 : 0,
              })),
            ),
          ),
        );
        for (const results of batches) {
          expect(results).toEqual(
            Array.from({ length: 50 }, (_, n) =>
              n % 5 === 0 ? { kind: 'conflict', version: 0 } : { kind: 'written', version: 1 },
            ),
          );
        }
        expect(await people.count()).toBe(20 * 40);
      });
    });

    describe('unique keys', () => {
      it('refuses a second document, frees the key on change and removal', async () => {
        const results: WriteResult[] = [];
        const steps: Write<Person>[] = [
          { id: 'a', doc: { email: 'x' } },
          { id: 'b', doc: { email: 'x' } },
          { id: 'a', doc: { email: 'y' } },
          { id: 'b', doc: { email: 'x' } },
          { id: 'c', doc: { email: 'y' } },
          { id: 'a', remove: true },
          { id: 'c', doc: { email: 'y' } },
          { id: 'd', doc: {} },
          { id: 'e', doc: {} },
        ];
        for (const step of steps) results.push(...(await people.write([step])));
        expect(results.map((result) => (result.kind === 'duplicate' ? result : result.kind))).toEqual([
          'written',
          { kind: 'duplicate', index: 'byEmail' },
          'written',
          'written',
          { kind: 'duplicate', index: 'byEmail' },
          'written',
          'written',
          'written',
          'written',
        ]);
        expect(idsOf(await people.scan('byEmail'))).toEqual(['b', 'c']);
      });

      it('lets a document keep its own key, and leaves it as it was when it wants another’s', async () => {
        await put({ a: { email: 'x' }, b: { email: 'y' } });
        expect(
          await people.write([{ id: 'a', doc: { email: 'x', name: 'same' }, expectedVersion: 1 }]),
        ).toEqual([{ kind: 'written', version: 2 }]);
        expect(await people.write([{ id: 'a', doc: { email: 'y', name: 'taken' } }])).toEqual([
          { kind: 'duplicate', index: 'byEmail' },
        ]);
        expect(await people.get('a')).toEqual({ id: 'a', version: 2, doc: { email: 'x', name: 'same' } });
      });

      it('lets one of many claim a key', async () => {
        const results = await Promise.all(
          Array.from({ length: 16 }, (_, n) =>
            people.write([{ id: `p${n}`, doc: { email: 'same' }, expectedVersion: 0 }]),
          ),
        );
        expect(results.flat().filter((result) => result.kind === 'written')).toHaveLength(1);
        expect(await people.count()).toBe(1);
      });
    });

    scansContract(() => people);

    it('builds an index that was added later, and forgets one that was dropped', async () => {
      const bare = `${collectionName}-bare`;
      const before = await store.collection<Person>({
        name: bare,
        indexes: [{ name: 'old', fields: ['name'] }],
      });
      await before.write(
        Array.from({ length: 30 }, (_, n) => ({
          id: `p${n}`,
          doc: { name: `n${n}`, age: n % 3, email: `e${n}` },
        })),
      );
      await store.close();
      store = await here.open();
      const after = await store.collection<Person>({
        name: bare,
        indexes: [
          { name: 'byAge', fields: ['age'] },
          { name: 'byEmail', fields: ['email'], unique: true },
        ],
      });
      expect(await after.scan('byAge', { prefix: 1 })).toHaveLength(10);
      expect(await after.write([{ id: 'other', doc: { email: 'e7' } }])).toEqual([
        { kind: 'duplicate', index: 'byEmail' },
      ]);
      expect((await after.get('p7'))?.version).toBe(1);
      await expect(after.scan('old')).rejects.toMatchObject({ code: 'DOCUMENT_INDEX_MISSING' });
    });

    plainListContract(() => people, traits);
  });
}
