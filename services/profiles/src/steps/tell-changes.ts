import { mapInTurns } from '@rapport/kernel';
import type { Person } from '../domain/person.js';
import { changeOf } from '../domain/profile-change.js';
import type { ChangeFeed } from '../ports/change-feed.js';
import type { ProfilesMeter } from '../ports/profiles-meter.js';
import type { Membership, SegmentMembers } from '../ports/segment-members.js';
import type { PersonChange } from './batch-work.js';

export interface TellPorts {
  readonly feed: ChangeFeed;
  readonly members: SegmentMembers;
  readonly meter: ProfilesMeter;
}

/** Where a person stands now in each segment that a change moved. */
export function movedMemberships(person: Person): readonly Membership[] {
  return [...new Set(person.transitions.map(({ segment }) => segment))].map((segment) => ({
    segment,
    profileId: person.profileId,
    sinceMs: person.segments.get(segment),
  }));
}

/**
 * Tells what was written: the lists of members first, then `profiles.changed.v1`. Somebody of whom no event ever
 * came is nobody's news yet.
 */
export async function tellChanges(
  { feed, members, meter }: TellPorts,
  changes: readonly PersonChange[],
): Promise<void> {
  const told = changes.filter(({ person, wasSeen }) => wasSeen || person.isSeen);
  const moved = told.flatMap(({ person }) => movedMemberships(person));
  if (moved.length > 0) await members.set(moved);
  const published = await mapInTurns(told, ({ person, events }) => {
    for (const { segment, kind } of person.transitions) meter.transition(segment, kind);
    return changeOf(person, person.version, events);
  });
  if (published.length > 0) await feed.publish(published);
  for (const { person } of changes) person.transitions = [];
}
