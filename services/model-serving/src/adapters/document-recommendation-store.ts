import type { Collection, DocumentStore, Stored } from '@rapport/document-store';
import { isPoison } from '@rapport/kernel';
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
const countsCollection = 'recommendation_counts';

/** Takes what cannot be counted on with; resolves when it is durable elsewhere. */
type OnUnusable = (
  document: { readonly collection: string; readonly id: string; readonly content: unknown },
  thrown: unknown,
) => Promise<void>;

/** Counts and people's last items in two collections of the document store. */
export class DocumentRecommendationStore implements RecommendationStore {
  private constructor(
    readonly counts: Collection<CountDocument>,
    readonly people: Collection<PersonDocument>,
    readonly onUnusable: OnUnusable,
  ) {}

  static async open(store: DocumentStore, onUnusable: OnUnusable): Promise<DocumentRecommendationStore> {
    return new DocumentRecommendationStore(
      await store.collection<CountDocument>({ name: countsCollection }),
      await store.collection<PersonDocument>({ name: 'recommendation_people' }),
      onUnusable,
    );
  }

  async load(partition: number): Promise<PartitionCounts> {
    const counts = new PartitionCounts();
    const names = [...counts.shards()].map(({ name }) => name);
    const shards = await this.counts.getMany(names.map((name) => shardId(partition, name)));
    for (const [at, stored] of shards.entries()) {
      const name = names[at];
      const doc = stored?.doc;
      if (stored !== undefined && name !== undefined && doc !== undefined && doc.kind !== 'delta')
        await this.#orSetAside(stored, () => counts.restore(name, doc));
    }
    for await (const stored of this.#deltas(partition)) {
      const { doc } = stored;
      if (doc.kind === 'delta') await this.#orSetAside(stored, () => counts.apply(doc));
    }
    return counts;
  }

  /** Counts that cannot be read are lost for their shard alone: they go to the rejected topic and begin anew. */
  async #orSetAside({ id, doc }: Stored<CountDocument>, work: () => void): Promise<void> {
    try {
      work();
    } catch (thrown) {
      if (!isPoison(thrown)) throw thrown;
      await this.onUnusable({ collection: countsCollection, id, content: doc }, thrown);
      await this.counts.write([{ id, remove: true }]);
    }
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
    await this.counts.write(
      touched.map(({ name, toDocument }) => ({ id: shardId(partition, name), doc: toDocument() })),
    );
    counts.stored();
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
