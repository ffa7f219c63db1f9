import type { ProfileId } from '@rapport/kernel';
import type { PersonDocument } from '../domain/person-document.js';
import type { Person, Transition } from '../domain/person.js';
import { changeOf, type ToldEvent } from '../domain/profile-change.js';
import type { ChangeFeed } from '../ports/change-feed.js';
import type { SegmentMembers } from '../ports/segment-members.js';
import type { Timeline } from '../ports/timeline.js';
import { claimEvents } from './claim-events.js';
import type { FoundPerson } from './people-at-hand.js';
import { readIdentified, type ReadEvent } from './read-identified.js';

export interface TellAgainPorts {
  readonly feed: ChangeFeed;
  readonly members: SegmentMembers;
  readonly timeline: Timeline;
}

/**
 * Tells the last written change of people again: it may not have come through before a crash. Consumers drop what
 * they have seen by (profileId, version). The events of the change are read back from the log.
 */
export async function tellAgain(
  ports: TellAgainPorts,
  partition: number,
  found: readonly FoundPerson[],
): Promise<void> {
  const stored = found.filter((one): one is Required<FoundPerson> => one.document !== undefined);
  const seen = stored.filter(({ person, document }) => person.isSeen || document.transitions.length > 0);
  if (seen.length === 0) return;
  const events = await eventsToTell(ports, partition, seen);
  await ports.members.set(
    seen.flatMap(({ person, document }) =>
      [...new Set(document.transitions.map(([segment]) => segment))].map((segment) => ({
        segment,
        profileId: person.profileId,
        sinceMs: person.segments.get(segment),
      })),
    ),
  );
  await ports.feed.publish(
    seen.map(({ person, document }) => {
      const pending = person.transitions;
      person.transitions = document.transitions.map(([segment, kind, atMs]): Transition => ({
        segment,
        kind,
        atMs,
      }));
      const change = changeOf(person, person.version, events.get(person.profileId) ?? []);
      person.transitions = pending;
      return change;
    }),
  );
}

async function eventsToTell(
  { feed, timeline }: TellAgainPorts,
  partition: number,
  found: readonly Required<FoundPerson>[],
): Promise<ReadonlyMap<ProfileId, readonly ToldEvent[]>> {
  const withEvents = found.filter(({ document }) => document.applied > document.after);
  if (withEvents.length === 0) return new Map();
  const after = Math.min(...withEvents.map(({ document }) => document.after));
  const upTo = Math.max(...withEvents.map(({ document }) => document.applied));
  const records = await feed.identified(partition, after, upTo);
  const reads = records.flatMap((record) => {
    const outcome = readIdentified(record);
    return outcome.kind === 'pass' ? [outcome.value] : [];
  });
  const { events } = await claimEvents(timeline, partition, reads);
  return new Map(
    withEvents.map(({ person, document }) => [person.profileId, toldOf(person, document, events)] as const),
  );
}

const toldOf = (
  person: Person,
  document: PersonDocument,
  events: readonly ReadEvent[],
): readonly ToldEvent[] =>
  events
    .filter(
      ({ offset, record }) =>
        offset > document.after &&
        offset <= document.applied &&
        record.renewal !== true &&
        (record.profileId === person.profileId || person.origins.has(record.origin)),
    )
    .map(({ record, bytes }) => ({ event: record, bytes: bytes.byteLength }));
