import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { IndexKey, ScanOptions, Stored, Write, WriteResult } from '../document-store.js';
import type { DocumentStoreTraits, People, Person } from './document-store.contract.js';

/** Every document store does what a plain list does that is searched from end to end. */
export function plainListContract(people: () => People, traits: DocumentStoreTraits): void {
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
        arbitrary: fc.record({ id, remove: fc.constant(true as const), expectedVersion }).map(dropUndefined),
      },
    ) as fc.Arbitrary<Write<Person>>;
    const key = fc.oneof(value, fc.tuple(value), fc.tuple(value, value)) as fc.Arbitrary<IndexKey>;
    const scan = fc.record(
      { from: key, to: key, prefix: key, reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 5 }) },
      { requiredKeys: [] },
    ) as fc.Arbitrary<ScanOptions>;

    it('does many writes in one call as the list does one after the other, where no unique key is shared', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(write, { maxLength: 30 }), { maxLength: 3 }), async (batches) => {
          const left = await people().scan('_id');
          await people().write(left.map((each) => ({ id: each.id, remove: true })));
          const oracle = new Oracle();
          for (const batch of batches) {
            const own = batch.map((each) =>
              'remove' in each ? each : { ...each, doc: { ...each.doc, email: each.id } },
            );
            expect(await people().write(own)).toEqual(own.map((each) => oracle.write(each)));
          }
          expect(await people().scan('_id')).toEqual(oracle.scan('_id', {}));
        }),
        { numRuns: traits.runs },
      );
    });

    it('writes, refuses and scans as the list does', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(write, { maxLength: 12 }), { maxLength: 4 }),
          fc.array(scan, { maxLength: 6 }),
          async (batches, scans) => {
            const left = await people().scan('_id');
            await people().write(left.map((each) => ({ id: each.id, remove: true })));
            const oracle = new Oracle();
            const results: (readonly WriteResult[])[] = [];
            if (traits.keepsOrder)
              results.push(...(await Promise.all(batches.map((batch) => people().write(batch)))));
            else for (const each of batches.flat()) results.push(await people().write([each]));
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
                expect(await people().scan(index, options)).toEqual(wanted);
                expect(await pages(people(), index, { ...options, limit: 2 })).toEqual(
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
