import { takeTurn, type ProfileId } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import { Person } from '../domain/person.js';
import type { PeopleStore } from '../ports/people-store.js';
import { PeopleAtHand } from './people-at-hand.js';

const peoplePerPage = 100;

/** Everybody who has identifiers, with their origins, in the order of profile ids; as stored, a page at a time. */
export async function* walkPeople(store: PeopleStore, definitions: Definitions): AsyncGenerator<Person> {
  const reader = new PeopleAtHand(store, definitions, 1);
  for (let after: ProfileId | undefined; ;) {
    const page = await store.page(after, peoplePerPage);
    const people = page
      .filter(({ value }) => value.identifiers.length > 0)
      .map(({ id, value, version }) => Person.from(id, definitions, value, version));
    await reader.fill(people);
    for (const person of people) {
      yield person;
      const turn = takeTurn();
      if (turn !== undefined) await turn;
    }
    if (page.length < peoplePerPage) return;
    after = page.at(-1)?.id;
  }
}
