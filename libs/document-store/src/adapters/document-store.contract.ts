import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type {
  Collection,
  CollectionDeclaration,
  DocumentStore,
  IndexKey,
  ScanOptions,
  Stored,
  Write,
  WriteResult,
} from '../document-store.js';
import { maxIdBytes, maxIndexKeyBytes } from '../index-keys.js';

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

interface Person {
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

type People = Collection<Person>;

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

    describe('scans', () => {
      it('goes by the tuple: numbers before strings, numbers by value, strings by bytes, ties by id', async () => {
        await put({
          s: { city: 'Zürich', age: 1 },
          n: { city: 'Zug', age: 'x' },
          k: { city: 'Zug', age: 30 },
          j: { city: 'Zug', age: -4.5 },
          l: { city: 'Zug', age: 30 },
          i: { city: 7, age: 0 },
          z: { city: 'a', age: 1 },
          u: { city: 'Zug\0', age: 0 },
          v: { city: '', age: 0 },
          only: { city: 'Zug' },
          nul: { name: null, age: 3 },
        });
        const order = ['i', 'v', 'j', 'k', 'l', 'n', 'u', 's', 'z'];
        expect(idsOf(await people.scan('byCityAge'))).toEqual(order);
        expect(idsOf(await people.scan('byCityAge', { reverse: true }))).toEqual([...order].reverse());
        expect(idsOf(await people.scan('byCityAge', { prefix: 'Zug' }))).toEqual(['j', 'k', 'l', 'n']);
        expect(idsOf(await people.scan('byCityAge', { prefix: ['Zug', 30] }))).toEqual(['k', 'l']);
        expect(idsOf(await people.scan('byCityAge', { from: ['Zug', 0], to: ['Zug', 31] }))).toEqual([
          'k',
          'l',
        ]);
        expect(idsOf(await people.scan('byCityAge', { from: 'Zug', to: 'Zürich' }))).toEqual([
          'j',
          'k',
          'l',
          'n',
          'u',
        ]);
        expect(idsOf(await people.scan('byCityAge', { to: 'Zug' }))).toEqual(['i', 'v']);
        expect(idsOf(await people.scan('byCityAge', { from: 'Zug', limit: 2, reverse: true }))).toEqual([
          'z',
          's',
        ]);
      });

      it('reads nested fields by their path', async () => {
        await put({
          a: { nested: { due: 30 } },
          b: { nested: { due: 10 } },
          c: { nested: {} },
          d: {},
          e: { nested: { due: 20 } },
        });
        expect(idsOf(await people.scan('byDue', { to: 30 }))).toEqual(['b', 'e']);
      });

      it('scans by id', async () => {
        await put({ b: {}, a: {}, 'a/1': {}, ü: {}, c: {} });
        expect(idsOf(await people.scan('_id'))).toEqual(['a', 'a/1', 'b', 'c', 'ü']);
        expect(idsOf(await people.scan('_id', { from: 'a/1', to: 'c' }))).toEqual(['a/1', 'b']);
        expect(idsOf(await people.scan('_id', { prefix: 'a' }))).toEqual(['a']);
        // A prefix stands for both bounds.
        expect(idsOf(await people.scan('_id', { prefix: 'a', to: 0.5 }))).toEqual(['a']);
        expect(idsOf(await people.scan('_id', { reverse: true, limit: 2 }))).toEqual(['ü', 'c']);
        expect(idsOf(await people.scan('_id', { after: { key: 'a/1', id: 'a/1' } }))).toEqual([
          'b',
          'c',
          'ü',
        ]);
        expect(idsOf(await people.scan('_id', { reverse: true, after: { key: 'c', id: 'c' } }))).toEqual([
          'b',
          'a/1',
          'a',
        ]);
      });

      it('stops at 100 unless told otherwise', async () => {
        await people.write(
          Array.from({ length: 150 }, (_, n) => ({
            id: String(n).padStart(3, '0'),
            doc: { city: 'x', age: n },
          })),
        );
        expect(await people.scan('byCityAge')).toHaveLength(100);
        expect(await people.scan('_id')).toHaveLength(100);
        expect(await people.scan('byCityAge', { limit: 1000 })).toHaveLength(150);
        expect(await people.scan('byCityAge', { limit: 0 })).toHaveLength(0);
      });

      it('shows what was acknowledged, at once', async () => {
        for (let n = 0; n < 20; n++) {
          await people.write([{ id: 'moving', doc: { city: 'x', age: n } }]);
          expect(idsOf(await people.scan('byCityAge', { prefix: ['x', n] }))).toEqual(['moving']);
          expect(await people.scan('byCityAge')).toHaveLength(1);
        }
      });
    });

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

    describe('against a plain list (properties)', () => {
      const value = fc.oneof(
        fc.constantFrom('', 'a', 'aa', 'b', 'a\0', 'é', 'z', '~'),
        fc.integer({ min: -3, max: 3 }),
        fc.constantFrom(0.5, -0.5, 1e300),
      );
      const person: fc.Arbitrary<Person> = fc.record(
        {
          city: value,
          age: value,
          email: fc.constantFrom('e1', 'e2', 'e3'),
          nested: fc.record({ due: fc.integer({ min: 0, max: 3 }) }),
        },
        { requiredKeys: [] },
      );
      const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
      const expectedVersion = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
      const write = fc.oneof(
        { weight: 4, arbitrary: fc.record({ id, doc: person, expectedVersion }).map(dropUndefined) },
        {
          weight: 1,
          arbitrary: fc
            .record({ id, remove: fc.constant(true as const), expectedVersion })
            .map(dropUndefined),
        },
      ) as fc.Arbitrary<Write<Person>>;
      const key = fc.oneof(value, fc.tuple(value), fc.tuple(value, value)) as fc.Arbitrary<IndexKey>;
      const scan = fc.record(
        { from: key, to: key, prefix: key, reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 5 }) },
        { requiredKeys: [] },
      ) as fc.Arbitrary<ScanOptions>;

      it('does many writes in one call as the list does one after the other, where no unique key is shared', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(write, { maxLength: 30 }), { maxLength: 3 }),
            async (batches) => {
              const left = await people.scan('_id');
              await people.write(left.map((each) => ({ id: each.id, remove: true })));
              const oracle = new Oracle();
              for (const batch of batches) {
                const own = batch.map((each) =>
                  'remove' in each ? each : { ...each, doc: { ...each.doc, email: each.id } },
                );
                expect(await people.write(own)).toEqual(own.map((each) => oracle.write(each)));
              }
              expect(await people.scan('_id')).toEqual(oracle.scan('_id', {}));
            },
          ),
          { numRuns: traits.runs },
        );
      });

      it('writes, refuses and scans as the list does', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(write, { maxLength: 12 }), { maxLength: 4 }),
            fc.array(scan, { maxLength: 6 }),
            async (batches, scans) => {
              const left = await people.scan('_id');
              await people.write(left.map((each) => ({ id: each.id, remove: true })));
              const oracle = new Oracle();
              const results: (readonly WriteResult[])[] = [];
              if (traits.keepsOrder)
                results.push(...(await Promise.all(batches.map((batch) => people.write(batch)))));
              else for (const each of batches.flat()) results.push(await people.write([each]));
              expect(results.flat()).toEqual(batches.flat().map((each) => oracle.write(each)));
              for (const options of scans) {
                for (const index of ['byCityAge', 'byEmail', 'byDue', '_id'] as const) {
                  if (
                    index !== 'byCityAge' &&
                    [options.from, options.to, options.prefix].some(
                      (bound) => typeof bound === 'object' && bound.length > 1,
                    )
                  )
                    continue;
                  const wanted = oracle.scan(index, options);
                  expect(await people.scan(index, options)).toEqual(wanted);
                  expect(await pages(people, index, { ...options, limit: 2 })).toEqual(
                    oracle.scan(index, { ...options, limit: 1000 }),
                  );
                }
              }
            },
          ),
          { numRuns: traits.runs },
        );
      });
    });
  });
}

function dropUndefined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, each]) => each !== undefined)) as T;
}

async function pages(
  people: People,
  index: string,
  options: ScanOptions,
): Promise<readonly Stored<Person>[]> {
  const all: Stored<Person>[] = [];
  let page = await people.scan(index, options);
  for (;;) {
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined) return all;
    page = await people.scan(index, {
      ...options,
      after: { key: keyIn(index, last.id, last.doc) ?? '', id: last.id },
    });
  }
}

function keyIn(index: string, id: string, doc: Person): readonly (string | number)[] | undefined {
  const parts: Readonly<Record<string, readonly unknown[]>> = {
    byCityAge: [doc.city, doc.age],
    byEmail: [doc.email],
    byDue: [doc.nested?.due],
    _id: [id],
  };
  const key = parts[index] ?? [];
  return key.every((part) => typeof part === 'string' || typeof part === 'number') ? key : undefined;
}

function compareParts(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [x, y] = [a[at], b[at]];
    if (typeof x === 'number' && typeof y === 'number') {
      if (x !== y) return x - y;
    } else if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
    else {
      const order = Buffer.compare(Buffer.from(String(x)), Buffer.from(String(y)));
      if (order !== 0) return order;
    }
  }
  return a.length - b.length;
}

/** The same store as a list that is searched from end to end. */
class Oracle {
  readonly #documents = new Map<string, Stored<Person>>();

  write(write: Write<Person>): WriteResult {
    const current = this.#documents.get(write.id);
    const version = current?.version ?? 0;
    if (write.expectedVersion !== undefined && write.expectedVersion !== version)
      return { kind: 'conflict', version };
    if ('remove' in write) {
      this.#documents.delete(write.id);
      return { kind: 'written', version: 0 };
    }
    const { email } = write.doc;
    if (
      email !== undefined &&
      [...this.#documents.values()].some((other) => other.id !== write.id && other.doc.email === email)
    ) {
      return { kind: 'duplicate', index: 'byEmail' };
    }
    this.#documents.set(write.id, { id: write.id, version: version + 1, doc: write.doc });
    return { kind: 'written', version: version + 1 };
  }

  scan(index: string, { from, to, prefix, reverse, limit = 100 }: ScanOptions): Stored<Person>[] {
    const tuple = (given: IndexKey): readonly (string | number)[] =>
      typeof given === 'object' ? given : [given];
    const within = (key: readonly (string | number)[]): boolean => {
      if (prefix !== undefined)
        return tuple(prefix).every(
          (part, at) => at < key.length && compareParts([part], [key[at] ?? '']) === 0,
        );
      return (
        (from === undefined || compareParts(key, tuple(from)) >= 0) &&
        (to === undefined || compareParts(key, tuple(to)) < 0)
      );
    };
    const found = [...this.#documents.values()]
      .map((stored) => ({ stored, key: keyIn(index, stored.id, stored.doc) }))
      .flatMap(({ stored, key }) => (key !== undefined && within(key) ? [{ stored, key }] : []))
      .sort((a, b) => compareParts(a.key, b.key) || compareParts([a.stored.id], [b.stored.id]));
    if (reverse === true) found.reverse();
    return found.slice(0, limit).map(({ stored }) => stored);
  }
}
