import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProfileChange } from '@rapport/contracts';
import { maxDocumentBytes, openDocumentStore, type DocumentStore } from '@rapport/document-store';
import type { ProfileId } from '@rapport/kernel';
import fc from 'fast-check';
import { DocumentRecommendationStore } from './adapters/document-recommendation-store.js';
import { PartitionCounts } from './domain/recommendations/partition-counts.js';
import { recentHalfLifeMs, lastingHalfLifeMs } from './domain/recommendations/decay.js';
import { interactionsOf } from './domain/recommendations/interactions.js';
import { maxItemsPerShard, maxNeighbours } from './domain/recommendations/item-shard.js';
import type { RecommendationStore } from './ports/recommendation-store.js';
import { createUpdateRecommendations, type PlacedChange } from './update-recommendations.pipeline.js';

const startMs = Date.parse('2026-03-01T00:00:00Z');
const folder = mkdtempSync(join(tmpdir(), 'rapport-recommend-'));
let documents: DocumentStore;
let store: RecommendationStore;
let opened = 0;

beforeAll(async () => {
  documents = await openDocumentStore({ kind: 'lmdb', path: folder });
  store = await DocumentRecommendationStore.open(documents, async (_document, thrown) => {
    throw thrown;
  });
});
afterAll(async () => {
  await documents.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A room of its own in the one store: people and partitions are told apart by the run. */
function freshStore(): RecommendationStore {
  const run = opened++;
  const ids = (profileIds: readonly string[]): string[] => profileIds.map((id) => `${run}/${id}`);
  return {
    load: () => store.load(run),
    append: (delta) => store.append({ ...delta, partition: run }),
    checkpoint: (_partition, counts) => store.checkpoint(run, counts),
    persons: (profileIds) => store.persons(ids(profileIds)),
    savePersons: (people) =>
      store.savePersons(people.map((person) => ({ ...person, profileId: `${run}/${person.profileId}` }))),
  };
}

interface Step {
  readonly person: number;
  readonly event: 'Product Viewed' | 'Product Added' | 'Order Completed';
  readonly items: readonly number[];
  readonly minutes: number;
  readonly segment: number;
  readonly into?: number | undefined;
}

const personId = (person: number): ProfileId => `p_${person}` as ProfileId;

function changesOf(steps: readonly Step[]): PlacedChange[] {
  const versions = new Map<number, number>();
  const gone = new Set<number>();
  // A profile that became a pointer changes no more, and nothing is merged into it.
  const possible = steps.filter(({ person, into }) => {
    if (gone.has(person) || (into !== undefined && gone.has(into))) return false;
    if (into !== undefined && into !== person) gone.add(person);
    return true;
  });
  return possible.map((step, offset) => {
    const version = (versions.get(step.person) ?? 0) + 1;
    versions.set(step.person, version);
    const timestamp = new Date(startMs + step.minutes * 60_000).toISOString();
    const products = step.items.map((item) => ({ product_id: `i${item}`, category: `c${item % 3}` }));
    const change: ProfileChange = {
      profileId: personId(step.person),
      version,
      asOf: timestamp,
      transitions: [],
      events: [
        {
          type: 'track',
          event: step.event,
          messageId: `m${offset}`,
          timestamp,
          receivedAt: timestamp,
          properties: step.event === 'Order Completed' ? { products } : (products[0] ?? {}),
        },
      ],
      view: {
        profileId: personId(step.person),
        identifiers: [],
        traits: {},
        computedTraits: {},
        segments: step.segment === 0 ? [] : [{ name: `s${step.segment}`, since: timestamp }],
        consent: {},
      },
      ...(step.into === undefined || step.into === step.person ? {} : { mergedInto: personId(step.into) }),
    };
    return { offset, change };
  });
}

const step: fc.Arbitrary<Step> = fc.record({
  person: fc.integer({ min: 0, max: 4 }),
  event: fc.constantFrom('Product Viewed', 'Product Added', 'Order Completed'),
  items: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 }),
  minutes: fc.integer({ min: 0, max: 60 * 24 * 20 }),
  segment: fc.integer({ min: 0, max: 2 }),
  into: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 8 }),
});

const owned = (): void => undefined;

/** Everything that a partition has counted, in one order. */
function stateOf(counts: PartitionCounts): string {
  const documents = [...counts.shards()].map(({ name, toDocument }) => ({
    name,
    ...toDocument(),
    applied: 0,
  }));
  return JSON.stringify(documents, (_key, value: unknown) =>
    Array.isArray(value) && Array.isArray(value[0])
      ? [...(value as unknown[][])].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
      : value,
  );
}

async function peopleOf(store: RecommendationStore): Promise<unknown> {
  const people = await store.persons([0, 1, 2, 3, 4].map(personId));
  return people.map((person) => person && { recent: person.recent, version: person.version });
}

class Crash extends Error {}

/** Stops the process's work at the n-th write, before or after it was made durable. */
function crashing(store: RecommendationStore, atWrite: number, afterIt: boolean): RecommendationStore {
  let writes = 0;
  const guard = async (write: () => Promise<void>): Promise<void> => {
    const isIt = writes++ === atWrite;
    if (isIt && !afterIt) throw new Crash();
    await write();
    if (isIt) throw new Crash();
  };
  return {
    load: (partition) => store.load(partition),
    persons: (ids) => store.persons(ids),
    append: (delta) => guard(() => store.append(delta)),
    checkpoint: (partition, counts) => guard(() => store.checkpoint(partition, counts)),
    savePersons: (people) => guard(() => store.savePersons(people)),
  };
}

async function consume(
  store: RecommendationStore,
  changes: readonly PlacedChange[],
  batchSize: number,
  from: number,
  onCommit: (next: number) => void,
): Promise<PartitionCounts> {
  const counts = await store.load(0);
  const update = createUpdateRecommendations(store);
  for (let at = from; at < changes.length; at += batchSize) {
    await update(0, counts, changes.slice(at, at + batchSize), owned);
    if (at % 3 === 0) await store.checkpoint(0, counts);
    onCommit(Math.min(at + batchSize, changes.length));
  }
  return counts;
}

describe('counting the stream', () => {
  it('comes to the same state whatever write it was stopped at, and however the batches are cut afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.record({ atWrite: fc.integer({ min: 0, max: 12 }), afterIt: fc.boolean() }), {
          minLength: 1,
          maxLength: 3,
        }),
        async (steps, batchSize, laterBatchSize, crashes) => {
          const changes = changesOf(steps);
          const calm = freshStore();
          const expected = stateOf(await consume(calm, changes, batchSize, 0, () => undefined));
          const expectedPeople = await peopleOf(calm);

          const stormy = freshStore();
          let committed = 0;
          for (const [at, { atWrite, afterIt }] of crashes.entries()) {
            const size = at === 0 ? batchSize : laterBatchSize;
            await consume(
              crashing(stormy, atWrite, afterIt),
              changes,
              size,
              committed,
              (next) => (committed = next),
            ).catch((thrown: unknown) => {
              if (!(thrown instanceof Crash)) throw thrown;
            });
          }
          await consume(stormy, changes, laterBatchSize, committed, () => undefined);
          expect(stateOf(await stormy.load(0))).toBe(expected);
          expect(await peopleOf(stormy)).toEqual(expectedPeople);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('drops a change that comes again at another place of the log', async () => {
    const changes = changesOf([
      { person: 0, event: 'Product Viewed', items: [1], minutes: 0, segment: 1 },
      { person: 0, event: 'Product Viewed', items: [2], minutes: 1, segment: 1 },
    ]);
    const store = freshStore();
    const counts = await consume(store, changes, 10, 0, () => undefined);
    const before = stateOf(counts);
    const again = changes.map(({ change }, at) => ({ offset: 10 + at, change }));
    const report = await createUpdateRecommendations(store)(0, counts, again, owned);
    expect(report).toEqual({ counted: 0, repeated: 2 });
    expect(stateOf(counts)).toBe(before);
  });

  it('writes nothing once the partition went to another worker', async () => {
    const store = freshStore();
    const changes = changesOf([{ person: 0, event: 'Product Viewed', items: [1], minutes: 0, segment: 0 }]);
    const disowned = (): void => {
      throw new Error('disowned');
    };
    await expect(
      createUpdateRecommendations(store)(0, await store.load(0), changes, disowned),
    ).rejects.toThrow('disowned');
    expect(stateOf(await store.load(0))).toBe(stateOf(new PartitionCounts()));
    expect(await peopleOf(store)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('refuses to count an offset twice when two workers believe that they own the partition', async () => {
    const store = freshStore();
    const changes = changesOf([{ person: 0, event: 'Product Viewed', items: [1], minutes: 0, segment: 0 }]);
    const one = await store.load(0);
    const other = await store.load(0);
    await createUpdateRecommendations(store)(0, one, changes, owned);
    // The other worker read the person before the first one wrote it: here its batch is the same one.
    const blind: RecommendationStore = {
      ...crashing(store, -1, false),
      persons: async (ids) => ids.map(() => undefined),
    };
    await expect(createUpdateRecommendations(blind)(0, other, changes, owned)).rejects.toMatchObject({
      code: 'MODELS_BUSY',
    });
    expect(stateOf(await store.load(0))).toBe(stateOf(one));
  });

  it('counts as a plain sum of faded interactions does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const views = steps.map((each) => ({
          ...each,
          event: 'Product Viewed' as const,
          items: each.items.slice(0, 1),
          into: undefined,
        }));
        const counts = await consume(freshStore(), changesOf(views), 5, 0, () => undefined);
        const nowMs = startMs + 30 * 86_400_000;
        for (let item = 0; item < 10; item++) {
          const shard = counts.itemShard(`i${item}`);
          const record = shard.items.get(`i${item}`);
          const ages = views
            .filter(({ items }) => items[0] === item)
            .map(({ minutes }) => nowMs - (startMs + minutes * 60_000));
          const lasting = ages.reduce((sum, ageMs) => sum + 0.5 ** (ageMs / lastingHalfLifeMs), 0);
          const recent = ages.reduce((sum, ageMs) => sum + 0.5 ** (ageMs / recentHalfLifeMs), 0);
          expect((record?.lasting ?? 0) * shard.lasting.scaleAt(nowMs)).toBeCloseTo(lasting, 9);
          expect((record?.recent ?? 0) * shard.recent.scaleAt(nowMs)).toBeCloseTo(recent, 9);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives the items of a profile that became a pointer to the profile that it points to', async () => {
    const store = freshStore();
    await consume(
      store,
      changesOf([
        { person: 0, event: 'Product Viewed', items: [1], minutes: 0, segment: 0 },
        { person: 1, event: 'Product Viewed', items: [2], minutes: 1, segment: 0 },
        { person: 0, event: 'Product Viewed', items: [3], minutes: 2, segment: 0, into: 1 },
      ]),
      1,
      0,
      () => undefined,
    );
    const [, winner] = await store.persons([personId(0), personId(1)]);
    expect(winner?.recent.map(([item]) => item)).toEqual(['i3', 'i2', 'i1']);
  });
});

describe('counts that cannot be read', () => {
  it('begin anew for their shard alone, and are told once', async () => {
    const path = mkdtempSync(join(tmpdir(), 'rapport-spoilt-'));
    const own = await openDocumentStore({ kind: 'lmdb', path });
    const told: string[] = [];
    const spoilt = await DocumentRecommendationStore.open(own, async ({ id }) => void told.push(id));
    const update = createUpdateRecommendations(spoilt);
    const counts = new PartitionCounts();
    const steps = Array.from({ length: 40 }, (_, n): Step => ({
      person: n % 5,
      event: 'Product Viewed',
      items: [n],
      minutes: n,
      segment: 1,
    }));
    await update(0, counts, changesOf(steps), () => undefined);
    await spoilt.checkpoint(0, counts);
    await spoilt.counts.write([{ id: 'shard/0/3', doc: { kind: 'items', applied: 1, items: 7 } as never }]);
    await spoilt.counts.write([
      { id: 'delta/0/0000000000000099', doc: { kind: 'delta', offset: 99, operations: null } as never },
    ]);
    for (let start = 0; start < 2; start++) {
      const loaded = await spoilt.load(0);
      for (const [at, shard] of loaded.itemShards.entries())
        expect([...shard.items.keys()]).toEqual(
          at === 3 ? [] : [...(counts.itemShards[at]?.items.keys() ?? [])],
        );
    }
    expect(told).toEqual(['shard/0/3', 'delta/0/0000000000000099']);
    await own.close();
    rmSync(path, { recursive: true, force: true });
  });

  it('cannot come from names of any length or width: the fullest shard is one document', () => {
    const widest = (n: number): string => `${n}`.padEnd(64, '9');
    const names = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', '"'), maxLength: 80 });
    fc.assert(
      fc.property(names, names, (product_id, category) => {
        const change = {
          events: [
            {
              type: 'track',
              event: 'Product Viewed',
              timestamp: new Date(startMs).toISOString(),
              properties: { product_id, category },
            },
          ],
        } as unknown as ProfileChange;
        for (const found of interactionsOf(change)) {
          expect(Buffer.byteLength(found.item)).toBeLessThanOrEqual(64);
          expect(Buffer.byteLength(found.category ?? '')).toBeLessThanOrEqual(64);
        }
      }),
    );
    const counts = new PartitionCounts();
    const [shard] = counts.itemShards;
    for (let item = 0; item < maxItemsPerShard * 1.25; item++) {
      shard?.countItem(widest(item), 1, startMs, widest(0));
      for (let other = 0; other < 2 * maxNeighbours; other++)
        shard?.countPair(widest(item), widest(other), 1, startMs);
    }
    expect(Buffer.byteLength(JSON.stringify(shard?.toDocument()))).toBeLessThan(maxDocumentBytes);
  });
});
