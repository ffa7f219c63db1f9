import type { PersonJourneys } from '../domain/journeys.js';

/** A person's journeys as stored, with the version that the next write must name. */
export interface StoredJourneys {
  readonly state: PersonJourneys;
  /** 0: not stored yet. */
  readonly version: number;
}

/** Keeps each person's journeys in one document. */
export interface JourneyStore {
  getMany(profileIds: readonly string[]): Promise<readonly (StoredJourneys | undefined)[]>;
  /** Writes each where its version still stands; false where another came first. Resolves when durable. */
  write(changed: readonly StoredJourneys[]): Promise<readonly boolean[]>;
  /** Those of a partition with something due up to and with an instant, earliest first. */
  due(partition: number, untilMs: number, limit: number): Promise<readonly StoredJourneys[]>;
  /** The earliest instant at which something of a partition is due. */
  nextDue(partition: number): Promise<number | undefined>;
  /** Those of a partition with an outbox. */
  unpublished(partition: number, limit: number): Promise<readonly StoredJourneys[]>;
  /** All, by profile id, in pages. */
  list(afterProfileId: string | undefined, limit: number): Promise<readonly StoredJourneys[]>;
}
