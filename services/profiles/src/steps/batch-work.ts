import type { ProfileId } from '@rapport/kernel';
import type { HeldOrigin, Person } from '../domain/person.js';
import type { ToldEvent } from '../domain/profile-change.js';
import type { ReadEvent } from './read-identified.js';

/** A person that a batch changes. */
export interface PersonChange {
  readonly person: Person;
  /** Whether events are part of the change. */
  hasEvents: boolean;
  readonly events: ToldEvent[];
  /** Somebody who was told of before. */
  readonly wasSeen: boolean;
}

/** An origin that a batch changes, and by which records. */
export interface OriginFold {
  readonly held: HeldOrigin;
  readonly reads: ReadEvent[];
  readonly owner: ProfileId;
  /** The owner; undefined: the origin is only passing through, its owner lives in another partition. */
  readonly person: Person | undefined;
}

/** What a batch has changed in memory and has yet to write. */
export class BatchWork {
  readonly people = new Map<ProfileId, PersonChange>();
  readonly origins = new Map<HeldOrigin, OriginFold>();

  constructor(
    readonly partition: number,
    /** False once the partition belongs to another worker. */
    readonly isOwned: () => boolean,
    /** The batch's number. */
    readonly batch: number,
    /** True when due timers make it. */
    readonly isTimer = false,
  ) {}

  change(person: Person): PersonChange {
    const known = this.people.get(person.profileId);
    if (known !== undefined) return known;
    const made: PersonChange = { person, hasEvents: false, events: [], wasSeen: person.isSeen };
    this.people.set(person.profileId, made);
    return made;
  }

  fold(held: HeldOrigin, read: ReadEvent, owner: ProfileId, person?: Person): void {
    const known = this.origins.get(held);
    if (known === undefined) this.origins.set(held, { held, reads: [read], owner, person });
    else known.reads.push(read);
  }
}
