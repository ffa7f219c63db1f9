import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Identifier } from '@rapport/kernel';
import { bruteForcePeople, type PairSeen } from '../fixtures/brute-force-people.js';
import { openTestGraph, seen, type TestGraph } from '../fixtures/temporary-graph.js';

/** Low, so that refusals are common. */
const limits = { user_id: 1, email: 2, anonymous_id: 3 };

interface Sighting {
  readonly ids: readonly string[];
  readonly minute: number;
}

const names = [
  ...[1, 2, 3, 4].map((n) => `user_id:${n}`),
  ...[1, 2, 3].map((n) => `email:${n}@x.org`),
  ...[1, 2, 3, 4, 5].map((n) => `anonymous_id:${n}`),
];
const sighting: fc.Arbitrary<Sighting> = fc.record({
  ids: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
  // Few instants, over two days: ties are common.
  minute: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 1440, 1441, 1442, 1443),
});

let graph: TestGraph;
let run = 0;
beforeAll(async () => {
  graph = await openTestGraph({ limits });
});
afterAll(async () => await graph.close());

/** Each run has names of its own, so that all of them share one store. */
function own(sightings: readonly Sighting[]): Sighting[] {
  run++;
  return sightings.map(({ ids, minute }) => ({ minute, ids: ids.map((id) => id.replace(':', `:r${run}-`)) }));
}

const idsOf = (sightings: readonly Sighting[]): string[] => [...new Set(sightings.flatMap(({ ids }) => ids))];
const evidenceOf = (sightings: readonly Sighting[]): PairSeen[] =>
  sightings.flatMap(({ ids, minute }) =>
    ids.slice(1).map((id) => ({ pair: [ids[0] as string, id] as const, minute })),
  );

describe('learning evidence', () => {
  it('gives the people of the oracle in any order of arrival, with duplicates, in any batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sighting, { minLength: 1, maxLength: 25 }),
        fc.infiniteStream(fc.nat(3)),
        fc.integer({ min: 1, max: 8 }),
        async (drawn, repeats, batchSize) => {
          const sightings = own(drawn);
          const arrivals = sightings.flatMap((it) => (repeats.next().value === 0 ? [it, it] : [it]));
          arrivals.sort(() => (repeats.next().value as number) - 1.5);
          const worker = graph.worker();
          for (let at = 0; at < arrivals.length; at += batchSize) {
            await worker.identify(
              arrivals.slice(at, at + batchSize).map(({ ids, minute }) => seen(ids, minute)),
            );
          }
          const ids = idsOf(sightings);
          expect(await graph.groups(ids as Identifier[])).toEqual(
            bruteForcePeople(ids, evidenceOf(sightings), limits),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
