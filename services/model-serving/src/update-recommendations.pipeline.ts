// In: profiles.changed.v1, one batch of one partition. Out: counts of what is turned to, alone, together and by segment.
// Order: by partition; a person's changes come in the order of their versions, and a version seen before is dropped.
// Failure: what a batch adds is written down (one document, with its last offset) before it is counted in memory, and
// people's last items after it, each with the version that it contains. Broken off anywhere, the redelivered batch
// finds what is done and does the rest: counts skip offsets that they have, people skip versions that they have.
import type { ProfileChange } from '@rapport/contracts';
import { interactionsOf, type Interaction } from './domain/recommendations/interactions.js';
import type {
  CountDelta,
  CountOperation,
  PartitionCounts,
} from './domain/recommendations/partition-counts.js';
import {
  itemsBefore,
  joinRecent,
  withInteraction,
  type RecentItems,
} from './domain/recommendations/recent-items.js';
import type { PersonItems, RecommendationStore } from './ports/recommendation-store.js';

/** A change with its place in the log. */
export interface PlacedChange {
  readonly offset: number;
  readonly change: ProfileChange;
}

export interface UpdateReport {
  /** Interactions that were counted. */
  readonly counted: number;
  /** Changes that had been seen before. */
  readonly repeated: number;
}

interface Person {
  readonly storedVersion: number;
  items: PersonItems;
  touched: boolean;
}

const nothing: PersonItems = { recent: [], version: 0 };

/** Operations of one delta, about: it is one document, and a document ends at 16 MB. */
const operationsPerDelta = 20_000;

export function createUpdateRecommendations(store: RecommendationStore) {
  return async function updateRecommendations(
    partition: number,
    counts: PartitionCounts,
    batch: readonly PlacedChange[],
    assertOwned: () => void,
  ): Promise<UpdateReport> {
    const relevant = batch
      .map((placed) => ({ ...placed, interactions: interactionsOf(placed.change) }))
      .filter(({ change, interactions }) => change.mergedInto !== undefined || interactions.length > 0);
    const people = await readPeople(store, relevant);
    let draft = new DeltaDraft(partition);
    let counted = 0;
    let repeated = 0;
    const writeDraft = async (): Promise<void> => {
      if (draft.isEmpty) return;
      assertOwned();
      const delta = draft.finished();
      await store.append(delta);
      counts.apply(delta);
      counted += delta.operations.length;
      draft = new DeltaDraft(partition);
    };
    for (const { offset, change, interactions } of relevant) {
      const person = people.get(change.profileId);
      if (person === undefined) continue;
      if (change.version > person.items.version) {
        if (offset > counts.applied) draft.add(offset, change, interactions, person.items.recent);
        const recent = interactions.reduce(withInteraction, person.items.recent);
        person.items = { recent, version: change.version };
        person.touched = true;
      } else repeated++;
      // Also for a change seen before: it may have broken off between the two people, and joining twice changes nothing.
      if (change.mergedInto !== undefined) handOver(people, change.profileId, change.mergedInto);
      if (draft.size > operationsPerDelta) await writeDraft();
    }
    await writeDraft();
    assertOwned();
    const touched = [...people].filter(([, person]) => person.touched);
    await store.savePersons(
      touched.map(([profileId, { items, storedVersion }]) => ({ profileId, items, storedVersion })),
    );
    return { counted, repeated };
  };
}

/** Collects what a delta will hold. */
class DeltaDraft {
  readonly #operations: CountOperation[] = [];
  readonly #segmentSets: (readonly string[])[] = [];
  readonly #setNumbers = new Map<string, number>();
  #offset = -1;

  constructor(readonly partition: number) {}

  get size(): number {
    return this.#operations.length;
  }

  get isEmpty(): boolean {
    return this.#operations.length === 0;
  }

  add(
    offset: number,
    change: ProfileChange,
    interactions: readonly Interaction[],
    recentBefore: RecentItems,
  ): void {
    const segmentSet = this.#numberOf(change.view.segments.map(({ name }) => name));
    let recent = recentBefore;
    for (const interaction of interactions) {
      const { item, weight, atMs, category } = interaction;
      this.#operations.push([
        item,
        weight,
        atMs,
        category ?? null,
        segmentSet,
        itemsBefore(recent, interaction),
      ]);
      recent = withInteraction(recent, interaction);
      this.#offset = offset;
    }
  }

  finished(): CountDelta {
    return {
      kind: 'delta',
      partition: this.partition,
      offset: this.#offset,
      segmentSets: this.#segmentSets,
      operations: this.#operations,
    };
  }

  #numberOf(segments: readonly string[]): number {
    const key = JSON.stringify(segments);
    let number = this.#setNumbers.get(key);
    if (number === undefined) {
      number = this.#segmentSets.push(segments) - 1;
      this.#setNumbers.set(key, number);
    }
    return number;
  }
}

/** The step as its consumer knows it. */
export type UpdateRecommendations = ReturnType<typeof createUpdateRecommendations>;

async function readPeople(
  store: RecommendationStore,
  batch: readonly { readonly change: ProfileChange }[],
): Promise<Map<string, Person>> {
  const ids = [
    ...new Set(
      batch.flatMap(({ change }) => [
        change.profileId,
        ...(change.mergedInto === undefined ? [] : [change.mergedInto]),
      ]),
    ),
  ];
  const stored = await store.persons(ids);
  return new Map(
    ids.map((id, index) => {
      const known = stored[index];
      const items = known === undefined ? nothing : { recent: known.recent, version: known.version };
      return [id, { storedVersion: known?.storedVersion ?? 0, items, touched: false }];
    }),
  );
}

/** The last items of a profile that became a pointer go to the profile that it points to. */
function handOver(people: Map<string, Person>, from: string, to: string): void {
  const loser = people.get(from);
  const winner = people.get(to);
  if (loser === undefined || winner === undefined || loser.items.recent.length === 0) return;
  winner.items = { ...winner.items, recent: joinRecent(winner.items.recent, loser.items.recent) };
  winner.touched = true;
}
