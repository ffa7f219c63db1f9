import type { Collection, CollectionDeclaration, Stored } from '@rapport/document-store';
import type { PersonJourneys } from '../domain/journeys.js';
import type { JourneyStore, StoredJourneys } from '../ports/journey-store.js';

/** One document per person, under the profile's id. */
export const journeyCollection: CollectionDeclaration<PersonJourneys> = {
  name: 'journeys',
  indexes: [
    { name: 'due', fields: ['partition', 'dueMs'] },
    { name: 'unpublished', fields: ['unpublished'] },
  ],
};

const toStored = ({ doc, version }: Stored<PersonJourneys>): StoredJourneys => ({ state: doc, version });

/** Journeys in the document store. */
export class DocumentJourneyStore implements JourneyStore {
  constructor(readonly collection: Collection<PersonJourneys>) {}

  async getMany(profileIds: readonly string[]): Promise<readonly (StoredJourneys | undefined)[]> {
    const stored = await this.collection.getMany(profileIds);
    return stored.map((one) => one && toStored(one));
  }

  async write(changed: readonly StoredJourneys[]): Promise<readonly boolean[]> {
    const results = await this.collection.write(
      changed.map(({ state, version }) => ({ id: state.profileId, doc: state, expectedVersion: version })),
    );
    return results.map(({ kind }) => kind === 'written');
  }

  async due(partition: number, untilMs: number, limit: number): Promise<readonly StoredJourneys[]> {
    const stored = await this.collection.scan('due', {
      from: [partition],
      to: [partition, untilMs + 1],
      limit,
    });
    return stored.map(toStored);
  }

  async nextDue(partition: number): Promise<number | undefined> {
    const [first] = await this.collection.scan('due', { prefix: [partition], limit: 1 });
    return first?.doc.dueMs;
  }

  async unpublished(partition: number, limit: number): Promise<readonly StoredJourneys[]> {
    return (await this.collection.scan('unpublished', { prefix: [partition], limit })).map(toStored);
  }

  async list(afterProfileId: string | undefined, limit: number): Promise<readonly StoredJourneys[]> {
    const after = afterProfileId === undefined ? {} : { after: { key: afterProfileId, id: afterProfileId } };
    return (await this.collection.scan('_id', { limit, ...after })).map(toStored);
  }
}
