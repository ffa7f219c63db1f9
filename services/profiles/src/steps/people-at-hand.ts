import { LRUCache } from 'lru-cache';
import type { Identifier, Origin, ProfileId } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import type { PersonDocument } from '../domain/person-document.js';
import { Person, type HeldOrigin } from '../domain/person.js';
import type { PeopleStore } from '../ports/people-store.js';

/** People as they were found: from the cache, or read now with the document that was read. */
export interface FoundPerson {
  readonly person: Person;
  /** Set when the person was read from the store just now. */
  readonly document?: PersonDocument;
}

/** Somebody who was read from the store. */
export type StoredPerson = Required<FoundPerson>;

export interface ReadHooks {
  readonly people?: (found: readonly StoredPerson[]) => Promise<void>;
  readonly origins?: (held: readonly HeldOrigin[]) => Promise<void>;
}

/**
 * The people of one partition that its worker has in memory. Nobody else writes them while the partition is owned,
 * so the steady state reads nothing; a version that does not match at a write shows when that was wrong.
 */
export class PeopleAtHand {
  readonly #cache: LRUCache<ProfileId, Person>;

  constructor(
    readonly store: PeopleStore,
    readonly definitions: Definitions,
    capacity: number,
    /** What has to happen to what was read before anybody works with it; readers need nothing. */
    readonly onRead: ReadHooks = {},
  ) {
    this.#cache = new LRUCache({ max: capacity });
  }

  /** From memory alone; for readers. */
  peek(id: ProfileId): Person | undefined {
    return this.#cache.get(id);
  }

  /** People by id, with their origins; new ones where nobody is known by an id. */
  async people(ids: Iterable<ProfileId>): Promise<ReadonlyMap<ProfileId, FoundPerson>> {
    const found = new Map<ProfileId, FoundPerson>();
    const missing: ProfileId[] = [];
    for (const id of new Set(ids)) {
      const person = this.#cache.get(id);
      if (person === undefined) missing.push(id);
      else found.set(id, { person });
    }
    if (missing.length === 0) return found;
    const stored = await this.store.people(missing);
    const read = missing.map((id, index): FoundPerson => {
      const document = stored[index];
      if (document === undefined) return { person: new Person(id, this.definitions) };
      return {
        person: Person.from(id, this.definitions, document.value, document.version),
        document: document.value,
      };
    });
    await this.fill(read.map(({ person }) => person));
    await this.onRead.people?.(read.filter((one): one is StoredPerson => one.document !== undefined));
    for (const one of read) found.set(one.person.profileId, one);
    return found;
  }

  /** Reads the origins of people. */
  async fill(people: readonly Person[]): Promise<void> {
    const held = await this.origins(people.flatMap(({ identifiers }) => identifiers));
    for (const person of people) {
      person.holdOrigins(
        person.identifiers.map((identifier) => held.get(identifier) ?? emptyHold(identifier)),
      );
    }
  }

  /** Origins as they are stored now. */
  async origins(ids: readonly Identifier[]): Promise<ReadonlyMap<Origin, HeldOrigin>> {
    const distinct = [...new Set(ids)];
    if (distinct.length === 0) return new Map();
    const stored = await this.store.origins(distinct);
    const held = distinct.map((origin, index): HeldOrigin => {
      const document = stored[index];
      return document === undefined
        ? emptyHold(origin)
        : { origin, version: document.version, state: document.value };
    });
    await this.onRead.origins?.(held);
    return new Map(held.map((one) => [one.origin, one]));
  }

  keep(people: Iterable<Person>): void {
    for (const person of people) this.#cache.set(person.profileId, person);
  }
}

const emptyHold = (origin: Origin): HeldOrigin => ({ origin, version: 0, state: undefined });
