import { isProfileId, parseIdentifier, RapportError, type Identifier, type ProfileId } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import type { Person } from '../domain/person.js';
import type { IdentifierIndex } from '../ports/identifier-index.js';
import type { PeopleStore } from '../ports/people-store.js';
import { profilesErrors } from '../profiles.errors.js';
import { PeopleAtHand } from './people-at-hand.js';

export interface PersonPorts {
  readonly people: PeopleStore;
  readonly identifiers: IdentifierIndex;
  /** The people of the partition of a profile, if this process owns it: they need no reading. */
  readonly handOf: (profileId: ProfileId) => PeopleAtHand | undefined;
}

export interface KnownPerson {
  readonly person: Person;
  /** A merge or split is still on its way to this profile. */
  readonly settling: boolean;
}

/** A merged person points to the elder one, which may point on. */
const mostHops = 8;

/** Finds people by `type:value` or profile id. */
export class PersonFinder {
  constructor(
    readonly ports: PersonPorts,
    readonly definitions: Definitions,
  ) {}

  /** Throws PROFILES_PERSON_UNKNOWN. */
  async find(text: string): Promise<KnownPerson> {
    const found = await this.lookUp(text);
    if (found !== undefined) return found;
    throw new RapportError(
      profilesErrors.personUnknown,
      'not_found',
      'nobody is known by this identifier or profile id',
    );
  }

  /** Undefined when nobody is known by it; throws PROFILES_PERSON_INVALID when it is neither form. */
  async lookUp(text: string): Promise<KnownPerson | undefined> {
    if (isProfileId(text)) return await this.#follow(text, undefined);
    const identifier = readIdentifier(text);
    const [owner] = await this.ports.identifiers.ownersOf([identifier]);
    return owner === undefined ? undefined : await this.#follow(owner, identifier);
  }

  async load(id: ProfileId): Promise<Person | undefined> {
    const atHand = this.ports.handOf(id)?.peek(id);
    if (atHand !== undefined) return atHand;
    const reader = new PeopleAtHand(this.ports.people, this.definitions, 1);
    const found = (await reader.people([id])).get(id);
    return found?.document === undefined ? undefined : found.person;
  }

  async #follow(id: ProfileId, asked: Identifier | undefined): Promise<KnownPerson | undefined> {
    let person = await this.load(id);
    for (let hop = 0; hop < mostHops && person?.mergedInto !== undefined; hop++) {
      person = (await this.load(person.mergedInto)) ?? person;
    }
    if (person === undefined || (person.identifiers.length === 0 && !person.isSeen)) return undefined;
    const isMember = asked === undefined || person.identifiers.includes(asked);
    return {
      person,
      settling: !isMember || person.membershipVersion === 0 || person.mergedInto !== undefined,
    };
  }
}

function readIdentifier(text: string): Identifier {
  try {
    return parseIdentifier(text);
  } catch {
    throw new RapportError(
      profilesErrors.personInvalid,
      'invalid',
      `expected a person written type:value, for example user_id:42, or a profile id p_…; got ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
}
