import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shareOut, type Holding } from './co-partition-assigner.js';

const members = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc.record({ id: fc.constant(id), had: fc.array(fc.integer({ min: -1, max: 12 }), { maxLength: 8 }) }),
      ),
    ),
  );

it('gives every partition to exactly one member, in even shares', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 12 }), members, (partitions, given: readonly Holding[]) => {
      const shares = shareOut(partitions, given);
      expect(shares.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, n) => n));
      const sizes = shares.map((share) => share.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

it('moves no more than it must when a member joins or leaves', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 2, max: 6 }), (partitions, count) => {
      const ids = Array.from({ length: count }, (_, n) => `m${n}`);
      const before = shareOut(
        partitions,
        ids.map((id) => ({ id, had: [] })),
      );
      const joined = shareOut(partitions, [
        ...ids.map((id, at) => ({ id, had: before[at] ?? [] })),
        { id: 'joining', had: [] },
      ]);
      expect(
        before.flatMap((share, at) => share.filter((partition) => !joined[at]?.includes(partition))),
      ).toHaveLength(joined.at(-1)?.length ?? 0);
      const left = shareOut(
        partitions,
        ids.slice(1).map((id, at) => ({ id, had: before[at + 1] ?? [] })),
      );
      for (const [at, share] of left.entries())
        expect(share).toEqual(expect.arrayContaining([...(before[at + 1] ?? [])]));
    }),
  );
});

it('does not depend on the order in which members are told', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 12 }), members, (partitions, given: readonly Holding[]) => {
      const byId = (list: readonly Holding[]): Map<string, readonly number[]> => {
        const shares = shareOut(partitions, list);
        return new Map(list.map(({ id }, at) => [id, shares[at] ?? []]));
      };
      expect(byId([...given].reverse())).toEqual(byId(given));
    }),
  );
});
