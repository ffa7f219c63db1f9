import type { Collection, DocumentStore, Stored } from '@rapport/document-store';
import type { Origin, ProfileId } from '@rapport/kernel';
import type { OriginState } from '../domain/origin-state.js';
import type { PersonDocument } from '../domain/person-document.js';
import type { BatchLedger, LedgerEntry, VersionedEntry } from '../ports/batch-ledger.js';
import type { PeopleStore, Versioned, VersionedWrite } from '../ports/people-store.js';
import { storeKey } from './store-key.js';

/** Where people are. */
export const peopleCollection = 'profiles.people';

/** People, origins and the ledger of batches as documents. */
export class DocumentPeopleStore implements PeopleStore, BatchLedger {
  private constructor(
    private readonly persons: Collection<PersonDocument>,
    private readonly originStates: Collection<OriginState>,
    private readonly ledger: Collection<LedgerEntry>,
  ) {}

  static async open(store: DocumentStore): Promise<DocumentPeopleStore> {
    const collections = await Promise.all([
      store.collection<PersonDocument>({
        name: peopleCollection,
        indexes: [
          { name: 'due', fields: ['partition', 'due'] },
          { name: 'timer', fields: ['partition', 'timer'] },
          { name: 'gone', fields: ['gone'] },
        ],
      }),
      store.collection<OriginState>({ name: 'profiles.origins' }),
      store.collection<LedgerEntry>({ name: 'profiles.batches' }),
    ]);
    return new DocumentPeopleStore(...collections);
  }

  async people(ids: readonly ProfileId[]): Promise<readonly (Versioned<PersonDocument> | undefined)[]> {
    return (await this.persons.getMany(ids)).map(versioned);
  }

  async origins(ids: readonly Origin[]): Promise<readonly (Versioned<OriginState> | undefined)[]> {
    return (await this.originStates.getMany(ids.map(storeKey))).map(versioned);
  }

  writePeople(writes: readonly VersionedWrite<ProfileId, PersonDocument>[]): Promise<readonly boolean[]> {
    return writeAll(this.persons, writes, (id) => id);
  }

  writeOrigins(writes: readonly VersionedWrite<Origin, OriginState>[]): Promise<readonly boolean[]> {
    return writeAll(this.originStates, writes, storeKey);
  }

  async due(partition: number, atMs: number, limit: number): Promise<readonly ProfileId[]> {
    const found = await this.persons.scan('due', { from: [partition], to: [partition, atMs + 1], limit });
    return found.map(({ id }) => id as ProfileId);
  }

  async earliestDue(partition: number): Promise<number | undefined> {
    const [first] = await this.persons.scan('due', { prefix: [partition], limit: 1 });
    return first?.doc.due;
  }

  async writtenByTimers(
    partition: number,
    { batch, id }: { readonly batch: number; readonly id?: ProfileId },
    limit: number,
  ): Promise<readonly { readonly batch: number; readonly id: ProfileId }[]> {
    const found = await this.persons.scan('timer', {
      from: [partition, id === undefined ? batch + 1 : batch],
      to: [partition + 1],
      limit,
      ...(id === undefined ? {} : { after: { key: [partition, batch], id } }),
    });
    return found.map((one) => ({ batch: one.doc.batch, id: one.id as ProfileId }));
  }

  async page(
    after: ProfileId | undefined,
    limit: number,
  ): Promise<readonly (Versioned<PersonDocument> & { readonly id: ProfileId })[]> {
    const found = await this.persons.scan('_id', {
      limit,
      ...(after === undefined ? {} : { after: { key: after, id: after } }),
    });
    return found.map(({ id, version, doc }) => ({ id: id as ProfileId, version, value: doc }));
  }

  /** How many people there are. */
  async count(): Promise<number> {
    return (await this.persons.count()) - (await this.persons.count('gone'));
  }

  async read(partition: number): Promise<VersionedEntry> {
    const stored = await this.ledger.get(String(partition));
    return { told: 0, reserved: 0, definitions: '', ...stored?.doc, version: stored?.version ?? 0 };
  }

  async write(partition: number, entry: LedgerEntry, expectedVersion: number): Promise<boolean> {
    const [taken] = await this.ledger.write([{ id: String(partition), doc: entry, expectedVersion }]);
    return taken?.kind === 'written';
  }
}

const versioned = <T extends object>(stored: Stored<T> | undefined): Versioned<T> | undefined =>
  stored === undefined ? undefined : { version: stored.version, value: stored.doc };

async function writeAll<Id extends string, T extends object>(
  collection: Collection<T>,
  writes: readonly VersionedWrite<Id, T>[],
  keyOf: (id: Id) => string,
): Promise<readonly boolean[]> {
  const results = await collection.write(
    writes.map(({ id, value, expectedVersion }) => ({ id: keyOf(id), doc: value, expectedVersion })),
  );
  return results.map(({ kind }) => kind === 'written');
}
