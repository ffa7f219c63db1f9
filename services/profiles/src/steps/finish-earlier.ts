import type { Definitions } from '../domain/definitions.js';
import type { PersonDocument } from '../domain/person-document.js';
import { appliedTo, type Transition } from '../domain/person.js';
import { changeOf, type ToldEvent } from '../domain/profile-change.js';
import type { ChangeFeed } from '../ports/change-feed.js';
import type { PeopleStore } from '../ports/people-store.js';
import type { SegmentMembers } from '../ports/segment-members.js';
import type { Timeline } from '../ports/timeline.js';
import { foldInto } from './apply-events.js';
import { BatchWork } from './batch-work.js';
import { claimEvents, type ClaimedEvent } from './claim-events.js';
import type { StoredPerson } from './people-at-hand.js';
import { readIdentified } from './read-identified.js';
import { writePeople } from './write-people.js';

export interface FinishPorts {
  readonly feed: ChangeFeed;
  readonly members: SegmentMembers;
  readonly people: PeopleStore;
  readonly timeline: Timeline;
}

export interface FinishContext {
  readonly definitions: Definitions;
  readonly partition: number;
  readonly isOwned: () => boolean;
}

/**
 * Brings people up to date whose last write may have been cut short: the events that they have and their origins
 * have not are folded, and the change is told (again). It has to happen before anything else about them, since a
 * person keeps only the last change. Consumers drop what they have seen by (profileId, version). The events of a
 * change are read back from the log.
 */
export async function finishEarlier(
  ports: FinishPorts,
  context: FinishContext,
  found: readonly StoredPerson[],
): Promise<void> {
  const known = found.filter(({ person, document }) => person.isSeen || document.applied >= 0);
  if (known.length === 0) return;
  const events = await eventsOf(ports, context.partition, known);
  await foldMissing(ports, context, known, events);
  await ports.members.set(
    known.flatMap(({ person, document }) =>
      [...new Set(document.transitions.map(([segment]) => segment))].map((segment) => ({
        segment,
        profileId: person.profileId,
        sinceMs: person.segments.get(segment),
      })),
    ),
  );
  await ports.feed.publish(known.map((one) => earlierChange(one, events)));
}

/** The events of the people's last changes, as they stand in the log. */
async function eventsOf(
  { feed, timeline }: FinishPorts,
  partition: number,
  found: readonly StoredPerson[],
): Promise<readonly ClaimedEvent[]> {
  const ranges = found.map(({ document }) => document).filter(({ hasEvents }) => hasEvents);
  if (ranges.length === 0) return [];
  const after = Math.min(...ranges.map((document) => document.after));
  const upTo = Math.max(...ranges.map((document) => document.applied));
  const records = await feed.identified(partition, after, upTo);
  const { reads } = await readIdentified(records);
  return (await claimEvents(timeline, partition, reads)).events;
}

const isOf = ({ document }: StoredPerson, { offset, record }: ClaimedEvent): boolean =>
  document.hasEvents &&
  offset > document.after &&
  offset <= document.applied &&
  document.told.some(([origin, upTo]) => origin === record.origin && upTo >= offset);

async function foldMissing(
  ports: FinishPorts,
  { definitions, partition, isOwned }: FinishContext,
  found: readonly StoredPerson[],
  events: readonly ClaimedEvent[],
): Promise<void> {
  const work = new BatchWork(partition, isOwned, 0);
  for (const one of found) {
    const { person } = one;
    for (const event of events) {
      const held = person.origins.get(event.record.origin);
      if (held === undefined || event.standing === 'passed on' || !isOf(one, event)) continue;
      if (event.offset <= appliedTo(held, partition)) continue;
      work.fold(held, event, person.profileId, person);
      foldInto(definitions, partition, held, event, person.profileId);
    }
    person.originsChanged();
  }
  await writePeople(ports.people, definitions, work);
}

function earlierChange(found: StoredPerson, events: readonly ClaimedEvent[]) {
  const { person, document } = found;
  const pending = person.transitions;
  person.transitions = transitionsOf(document);
  const told = events
    .filter((event) => event.record.renewal !== true && isOf(found, event))
    .map(({ record, bytes }): ToldEvent => ({ event: record, bytes: bytes.byteLength }));
  const change = changeOf(person, person.version, told);
  person.transitions = pending;
  return change;
}

const transitionsOf = ({ transitions }: PersonDocument): Transition[] =>
  transitions.map(([segment, kind, atMs]) => ({ segment, kind, atMs }));
