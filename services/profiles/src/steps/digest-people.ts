import { createHash } from 'node:crypto';
import type { Definitions } from '../domain/definitions.js';
import { digestRow } from '../domain/digest-row.js';
import type { PeopleStore } from '../ports/people-store.js';
import { walkPeople } from './walk-people.js';

export interface PeopleDigest {
  /** sha256, hexadecimal. */
  readonly digest: string;
  readonly people: number;
}

/**
 * One number for everybody at an instant, the same wherever the same events led to the same people: sha256 over the
 * sha256 of each person's row, in the order of their smallest identifiers.
 */
export async function digestPeople(
  store: PeopleStore,
  definitions: Definitions,
  atMs: number,
): Promise<PeopleDigest> {
  const rows: { readonly first: string; readonly digest: Buffer }[] = [];
  for await (const person of walkPeople(store, definitions)) {
    const first = person.identifiers.reduce((least, identifier) => (identifier < least ? identifier : least));
    rows.push({ first, digest: createHash('sha256').update(digestRow(person, atMs)).digest() });
  }
  rows.sort((one, other) => (one.first < other.first ? -1 : one.first > other.first ? 1 : 0));
  const whole = createHash('sha256');
  for (const { digest } of rows) whole.update(digest);
  return { digest: whole.digest('hex'), people: rows.length };
}
