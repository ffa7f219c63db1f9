import type { JsonObject } from '@rapport/contracts';
import type { Person } from '../domain/person.js';

/** Something that a person did. */
export interface PastEvent {
  readonly messageId: string;
  /** When it happened. */
  readonly atMs: number;
  /** When it came in: the instant at which rules see it. */
  readonly receivedAtMs: number;
  readonly properties: JsonObject;
}

/** Reads people where profiles are kept. */
export interface PersonReader {
  /** By `type:value` or profile id; undefined when the person was never seen. */
  read(person: string): Promise<Person | undefined>;
  /** Track events of one name that happened from one instant up to and with another, newest first; none of a person whom nobody knows. */
  events(
    profileId: string,
    event: string,
    fromMs: number,
    untilMs: number,
    limit: number,
  ): Promise<readonly PastEvent[]>;
  /** Whether an operator took this address from the person (unlink, split) and nobody gave it back since. */
  isUnlinked(person: Person, address: string): Promise<boolean>;
  /** Numbers for models, as they are now. */
  features(profileId: string): Promise<Readonly<Record<string, number>>>;
}
