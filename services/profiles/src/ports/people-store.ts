import type { Origin, ProfileId } from '@rapport/kernel';
import type { OriginState } from '../domain/origin-state.js';
import type { PersonDocument } from '../domain/person-document.js';

/** A document with the version that its next write must name; 0 where there is none yet. */
export interface Versioned<T> {
  readonly version: number;
  readonly value: T;
}

/** One write of a document that must still stand at the version that was read. */
export interface VersionedWrite<Id extends string, T> {
  readonly id: Id;
  readonly value: T;
  readonly expectedVersion: number;
}

/** Where people and their origins are kept. Writes answer, in order, whether each was taken (false: somebody else wrote). */
export interface PeopleStore {
  people(ids: readonly ProfileId[]): Promise<readonly (Versioned<PersonDocument> | undefined)[]>;
  origins(ids: readonly Origin[]): Promise<readonly (Versioned<OriginState> | undefined)[]>;
  writePeople(writes: readonly VersionedWrite<ProfileId, PersonDocument>[]): Promise<readonly boolean[]>;
  writeOrigins(writes: readonly VersionedWrite<Origin, OriginState>[]): Promise<readonly boolean[]>;
  /** People of a partition with something due up to and at an instant, the earliest first. */
  due(partition: number, atMs: number, limit: number): Promise<readonly ProfileId[]>;
  /** The earliest instant at which something is due in a partition. */
  earliestDue(partition: number): Promise<number | undefined>;
  /** People whose last write was made by due timers, by batch and id, after this place; without an id, after the batch. */
  writtenByTimers(
    partition: number,
    after: { readonly batch: number; readonly id?: ProfileId },
    limit: number,
  ): Promise<readonly { readonly batch: number; readonly id: ProfileId }[]>;
  /** All people in the order of their ids, in pages. */
  page(
    after: ProfileId | undefined,
    limit: number,
  ): Promise<readonly (Versioned<PersonDocument> & { readonly id: ProfileId })[]>;
}
