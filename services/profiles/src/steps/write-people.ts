import { mapInTurns, RapportError } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import { documentOf } from '../domain/person-document.js';
import type { OriginState } from '../domain/origin-state.js';
import { appliedTo } from '../domain/person.js';
import type { PeopleStore } from '../ports/people-store.js';
import { profilesErrors } from '../profiles.errors.js';
import { foldInto } from './apply-events.js';
import type { BatchWork, OriginFold, PersonChange } from './batch-work.js';

/** Another worker writes an origin only around a merge or a split; more rounds than this mean something else. */
const mostRounds = 10;

/**
 * Writes people, then their origins. In this order, a crash between the two loses nothing: the events are delivered
 * again, are missing from the origins and folded there, and are not told twice because the person has them. An
 * origin that another worker wrote meanwhile is read again, folded again, and its person decided again.
 */
export async function writePeople(
  store: PeopleStore,
  definitions: Definitions,
  work: BatchWork,
): Promise<void> {
  let people = [...work.people.values()];
  let folds: readonly OriginFold[] = [...work.origins.values()];
  for (let round = 0; round < mostRounds; round++) {
    await writePersons(store, work, people);
    const behind = await writeOrigins(store, work, folds);
    if (behind.length === 0) return;
    await refold(store, definitions, work, behind);
    folds = behind;
    people = behind.flatMap(({ person }) => (person === undefined ? [] : [work.change(person)]));
  }
  throw conflict(`${folds.length} origin(s) were written by others ${mostRounds} times in a row`);
}

const conflict = (what: string): RapportError =>
  new RapportError(profilesErrors.writeConflict, 'conflict', what);

function mustOwn(work: BatchWork): void {
  if (work.isOwned()) return;
  throw new RapportError(
    profilesErrors.partitionLost,
    'conflict',
    `partition ${work.partition} belongs to another worker now; its batch is delivered there`,
  );
}

async function writePersons(
  store: PeopleStore,
  work: BatchWork,
  changes: readonly PersonChange[],
): Promise<void> {
  if (changes.length === 0) return;
  mustOwn(work);
  const taken = await store.writePeople(
    await mapInTurns(changes, ({ person, hasEvents }) => ({
      id: person.profileId,
      value: documentOf(person, { ...placeOf(work), hasEvents }),
      expectedVersion: person.version,
    })),
  );
  for (const [index, { person }] of changes.entries()) {
    if (taken[index] !== true) throw conflict(`profile ${person.profileId} was written by another worker`);
    person.version++;
  }
}

const placeOf = ({ partition, batch, isTimer }: BatchWork) => ({ partition, batch, isTimer });

/** Answers the folds whose origins were written by others. */
async function writeOrigins(
  store: PeopleStore,
  work: BatchWork,
  folds: readonly OriginFold[],
): Promise<readonly OriginFold[]> {
  if (folds.length === 0) return [];
  mustOwn(work);
  const taken = await store.writeOrigins(
    folds.map(({ held }) => ({
      id: held.origin,
      value: held.state as OriginState,
      expectedVersion: held.version,
    })),
  );
  return folds.filter(({ held }, index) => {
    if (taken[index] === true) held.version++;
    return taken[index] !== true;
  });
}

async function refold(
  store: PeopleStore,
  definitions: Definitions,
  work: BatchWork,
  behind: readonly OriginFold[],
): Promise<void> {
  const stored = await store.origins(behind.map(({ held }) => held.origin));
  for (const [index, { held, reads, owner, person }] of behind.entries()) {
    held.version = stored[index]?.version ?? 0;
    held.state = stored[index]?.value;
    for (const read of reads) {
      if (read.offset > appliedTo(held, work.partition))
        foldInto(definitions, work.partition, held, read, owner);
    }
    person?.originsChanged();
    person?.renewAll();
  }
}
