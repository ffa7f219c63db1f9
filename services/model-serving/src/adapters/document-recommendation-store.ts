import type { Collection, DocumentStore, Stored } from '@rapport/document-store';
import {
  PartitionCounts,
  type CountDelta,
  type ShardDocument,
} from '../domain/recommendations/partition-counts.js';
import type { RecentItems } from '../domain/recommendations/recent-items.js';
import { modelsError } from '../model-serving.errors.js';
import type { PersonItems, RecommendationStore, StoredPersonItems } from '../ports/recommendation-store.js';

type CountDocument = ShardDocument | CountDelta;

interface PersonDocument {
  readonly recent: RecentItems;
  readonly version: number;
}

/** Offsets are written with leading zeros, so that ids stand in their order. */
const offsetDigits = 16;
const deltaId = (partition: number, offset: number): string =>
  `delta/${partition}/${String(offset).padStart(offsetDigits, '0')}`;
const shardId = (partition: number, name: string): string => `shard/${partition}/${name}`;
const scanPage = 200;

/** Counts and people's last items in two collections of the document store. */
export class DocumentRecommendationStore implements RecommendationStore {
  private constructor(
    readonly counts: Collection<CountDocument>,
    readonly people: Collection<PersonDocument>,
  ) {}

  static async open(store: DocumentStore): Promise<DocumentRecommendationStore> {
    return new DocumentRecommendationStore(
      await store.collection<CountDocument>({ name: 'recommendation_counts' }),
      await store.collection<PersonDocument>({ name: 'recommendation_people' }),
    );
  }

  async load(partition: number): Promise<PartitionCounts> {
    const counts = new PartitionCounts();
    const names = [...counts.shards()].map(({ name }) => name);
    const shards = await this.counts.getMany(names.map((name) => shardId(partition, name)));
    for (const [at, stored] of shards.entries()) {
      const name = names[at];
      if (stored !== undefined && name !== undefined && stored.doc.kind !== 'delta')
        counts.restore(name, stored.doc);
    }
    for await (const { doc } of this.#deltas(partition)) if (doc.kind === 'delta') counts.apply(doc);
    return counts;
  }

  async append(delta: CountDelta): Promise<void> {
    const id = deltaId(delta.partition, delta.offset);
    const [result] = await this.counts.write([{ id, doc: delta, expectedVersion: 0 }]);
    if (result?.kind !== 'written')
      throw modelsError(
        'MODELS_BUSY',
        `another worker counted partition ${delta.partition} at offset ${delta.offset}`,
      );
  }

  async checkpoint(partition: number, counts: PartitionCounts): Promise<void> {
    const touched = [...counts.shards()].filter((shard) => shard.touched);
    if (touched.length === 0) return;
    const upTo = counts.applied;
    counts.stored();
    await this.counts.write(
      touched.map(({ name, toDocument }) => ({ id: shardId(partition, name), doc: toDocument() })),
    );
    const done: string[] = [];
    for await (const { id, doc } of this.#deltas(partition)) {
      if (doc.kind === 'delta' && doc.offset <= upTo) done.push(id);
    }
    await this.counts.write(done.map((id) => ({ id, remove: true as const })));
  }

  async persons(profileIds: readonly string[]): Promise<readonly (StoredPersonItems | undefined)[]> {
    const stored = await this.people.getMany(profileIds);
    return stored.map((person) =>
      person === undefined ? undefined : { ...person.doc, storedVersion: person.version },
    );
  }

  async savePersons(
    persons: readonly {
      readonly profileId: string;
      readonly items: PersonItems;
      readonly storedVersion: number;
    }[],
  ): Promise<void> {
    const results = await this.people.write(
      persons.map(({ profileId, items, storedVersion }) => ({
        id: profileId,
        doc: { ...items },
        expectedVersion: storedVersion,
      })),
    );
    const lost = results.filter(({ kind }) => kind !== 'written').length;
    if (lost > 0)
      throw modelsError(
        'MODELS_BUSY',
        `${lost} of ${persons.length} people were changed by another worker meanwhile`,
      );
  }

  async *#deltas(partition: number): AsyncIterable<Stored<CountDocument>> {
    let from = deltaId(partition, 0);
    const to = `delta/${partition}/~`;
    for (;;) {
      const page = await this.counts.scan('_id', { from, to, limit: scanPage });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < scanPage) return;
      // The id is the key here, and a longer text stands behind it.
      from = `${last.id}!`;
    }
  }
}
