import { describe, expect, it } from '@jest/globals';
import type { Stored } from '../document-store.js';
import type { People, Person } from './document-store.contract.js';

/** How every document store reads ranges of an index. */
export function scansContract(people: () => People): void {
  const put = async (docs: Readonly<Record<string, Person>>): Promise<void> => {
    await people().write(Object.entries(docs).map(([id, doc]) => ({ id, doc })));
  };
  const idsOf = (found: readonly Stored<Person>[]): string[] => found.map(({ id }) => id);

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
      expect(idsOf(await people().scan('byCityAge'))).toEqual(order);
      expect(idsOf(await people().scan('byCityAge', { reverse: true }))).toEqual([...order].reverse());
      expect(idsOf(await people().scan('byCityAge', { prefix: 'Zug' }))).toEqual(['j', 'k', 'l', 'n']);
      expect(idsOf(await people().scan('byCityAge', { prefix: ['Zug', 30] }))).toEqual(['k', 'l']);
      expect(idsOf(await people().scan('byCityAge', { from: ['Zug', 0], to: ['Zug', 31] }))).toEqual([
        'k',
        'l',
      ]);
      expect(idsOf(await people().scan('byCityAge', { from: 'Zug', to: 'Zürich' }))).toEqual([
        'j',
        'k',
        'l',
        'n',
        'u',
      ]);
      expect(idsOf(await people().scan('byCityAge', { to: 'Zug' }))).toEqual(['i', 'v']);
      expect(idsOf(await people().scan('byCityAge', { from: 'Zug', limit: 2, reverse: true }))).toEqual([
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
      expect(idsOf(await people().scan('byDue', { to: 30 }))).toEqual(['b', 'e']);
    });

    it('scans by id', async () => {
      await put({ b: {}, a: {}, 'a/1': {}, ü: {}, c: {} });
      expect(idsOf(await people().scan('_id'))).toEqual(['a', 'a/1', 'b', 'c', 'ü']);
      expect(idsOf(await people().scan('_id', { from: 'a/1', to: 'c' }))).toEqual(['a/1', 'b']);
      expect(idsOf(await people().scan('_id', { prefix: 'a' }))).toEqual(['a']);
      // A prefix stands for both bounds.
      expect(idsOf(await people().scan('_id', { prefix: 'a', to: 0.5 }))).toEqual(['a']);
      expect(idsOf(await people().scan('_id', { reverse: true, limit: 2 }))).toEqual(['ü', 'c']);
      expect(idsOf(await people().scan('_id', { after: { key: 'a/1', id: 'a/1' } }))).toEqual([
        'b',
        'c',
        'ü',
      ]);
      expect(idsOf(await people().scan('_id', { reverse: true, after: { key: 'c', id: 'c' } }))).toEqual([
        'b',
        'a/1',
        'a',
      ]);
    });

    it('stops at 100 unless told otherwise', async () => {
      await people().write(
        Array.from({ length: 150 }, (_, n) => ({
          id: String(n).padStart(3, '0'),
          doc: { city: 'x', age: n },
        })),
      );
      expect(await people().scan('byCityAge')).toHaveLength(100);
      expect(await people().scan('_id')).toHaveLength(100);
      expect(await people().scan('byCityAge', { limit: 1000 })).toHaveLength(150);
      expect(await people().scan('byCityAge', { limit: 0 })).toHaveLength(0);
    });

    it('shows what was acknowledged, at once', async () => {
      for (let n = 0; n < 20; n++) {
        await people().write([{ id: 'moving', doc: { city: 'x', age: n } }]);
        expect(idsOf(await people().scan('byCityAge', { prefix: ['x', n] }))).toEqual(['moving']);
        expect(await people().scan('byCityAge')).toHaveLength(1);
      }
    });
  });
}
