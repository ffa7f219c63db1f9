import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AcceptedEvent, IdentityChange } from '@rapport/contracts';
import { profileIdOf, seededRandom, type Identifier } from '@rapport/kernel';
import { bruteForcePeople, type PairSeen } from '../fixtures/brute-force-people.js';
import {
  Died,
  openTestGraph,
  seen,
  type TestGraph,
  type TestWorker,
  type Weather,
} from '../fixtures/temporary-graph.js';
import { Untold } from '../ports/graph-ports.js';
import { findPeople } from './find-people.js';

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

/** Identifies batches one after another; a worker that dies is replaced, and its batch comes again. */
async function workThrough(batches: readonly AcceptedEvent[][], weather: Weather): Promise<TestWorker> {
  let worker = graph.worker(weather);
  for (const batch of batches) {
    for (let done = false; !done;) {
      try {
        await worker.identify(batch);
        done = true;
        if (weather.random() < 0.3) await worker.teller.settle();
      } catch (thrown) {
        if (!(thrown instanceof Died)) throw thrown;
        worker = graph.worker(weather);
      }
    }
  }
  return worker;
}

/**
 * What consumers know in the end is what is stored: the record of each profile with the highest version. While
 * nobody dies that is also the last one, so that compaction keeps it.
 */
async function expectToldAsStored(ids: readonly string[], isLast: boolean): Promise<void> {
  const last = new Map<string, IdentityChange>();
  for (const change of graph.told) {
    const before = last.get(change.profileId)?.membershipVersion ?? 0;
    if (isLast || change.membershipVersion >= before) last.set(change.profileId, change);
  }
  const { rootOf } = await findPeople(graph.worker().ports, ids as Identifier[], new Untold());
  for (const [id, root] of rootOf) {
    expect(root).toBeDefined();
    if (root === undefined) continue;
    const told = last.get(profileIdOf(root.id as Identifier));
    expect(told?.identifiers).toContain(id);
    expect(told?.identifiers).toEqual([...(root.doc.person?.members ?? [])].sort());
    expect(told?.membershipVersion).toBe(root.doc.membershipVersion);
    if (root.id !== id) expect(last.get(profileIdOf(id))?.identifiers ?? []).toEqual([]);
  }
}

async function settleAll(worker: TestWorker): Promise<void> {
  for (let tries = 0; worker.teller.open > 0 && tries < 20; tries++) await worker.teller.settle();
  expect(worker.teller.open).toBe(0);
}

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
      { numRuns: 100 },
    );
  });

  it('keeps the eldest identifier of a person as its root, however an instant is divided into batches', async () => {
    const wide = await openTestGraph({ limits: { user_id: 99, email: 99, anonymous_id: 99 } });
    const kinds = ['user_id', 'email', 'anonymous_id'];
    const rankOf = (id: string): string => `${kinds.indexOf(id.split(':')[0] ?? '')} ${id}`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(sighting, { minLength: 1, maxLength: 10 }), { minLength: 1, maxLength: 3 }),
        fc.infiniteStream(fc.nat(3)),
        async (instants, draws) => {
          const named = own(instants.flat());
          const drawn = instants.map(({ length }) => named.splice(0, length));
          const born = new Map<string, string>();
          for (const sightings of drawn) {
            wide.clock.advanceTo(wide.clock.now() + 1);
            for (const id of idsOf(sightings))
              if (!born.has(id)) born.set(id, `${wide.clock.now()} ${rankOf(id)}`);
            const arrivals = sightings.toSorted(() => (draws.next().value as number) - 1.5);
            while (arrivals.length > 0) {
              const batch = arrivals.splice(0, 1 + (draws.next().value as number));
              await wide.worker().identify(batch.map(({ ids, minute }) => seen(ids, minute)));
            }
          }
          const ids = [...born.keys()] as Identifier[];
          const eldestOf = (group: string): string | undefined =>
            group
              .split(' ')
              .sort((one, other) => ((born.get(one) ?? '') < (born.get(other) ?? '') ? -1 : 1))[0];
          const { rootOf } = await findPeople(wide.worker().ports, ids, new Untold());
          expect([...new Set([...rootOf.values()].map((root) => root?.id))].sort()).toEqual(
            (await wide.groups(ids)).map(eldestOf).sort(),
          );
        },
      ),
      { numRuns: 100 },
    );
    await wide.close();
  });

  it('gives the people of the oracle with several workers that race and die', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sighting, { minLength: 4, maxLength: 25 }),
        fc.integer(),
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom(0, 0.03),
        async (drawn, seed, workers, deathRate) => {
          graph.told.length = 0;
          const sightings = own(drawn);
          const random = seededRandom(seed);
          const weather = { random, maxTurns: 4, deathRate };
          const survivors = await Promise.all(
            Array.from({ length: workers }, async (_, worker) => {
              const mine = sightings.filter((_it, i) => i % workers === worker || random() < 0.1);
              const batches: AcceptedEvent[][] = [];
              while (mine.length > 0) {
                const batch = mine.splice(0, 1 + Math.floor(random() * 3));
                batches.push(batch.map(({ ids, minute }) => seen(ids, minute)));
              }
              return await workThrough(batches, weather);
            }),
          );
          weather.deathRate = 0;
          for (const survivor of survivors) await settleAll(survivor);
          await graph.worker().recover();
          const ids = idsOf(sightings);
          expect(await graph.groups(ids as Identifier[])).toEqual(
            bruteForcePeople(ids, evidenceOf(sightings), limits),
          );
          await expectToldAsStored(ids, deathRate === 0);
        },
      ),
      { numRuns: 30 },
    );
  });
});
