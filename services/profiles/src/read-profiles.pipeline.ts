// In:  questions about people, by `type:value` or profile id, over HTTP, gRPC or in process.
// Out: answers as of now: what the documents hold, with time-dependent parts worked out at the instant of the question.
// Order: none; a person is read from the worker's memory where this process has it, otherwise from the store.
// Failure: PROFILES_* errors that say what was expected; nothing is written.
import type { AcceptedEvent, ProfileView } from '@rapport/contracts';
import { RapportError, type Clock, type ProfileId } from '@rapport/kernel';
import type { Definitions } from './domain/definitions.js';
import { featuresOf } from './domain/features.js';
import { mayHaveSince } from './domain/origin-state.js';
import type { Person } from './domain/person.js';
import { viewAt } from './domain/view.js';
import type { PeopleStore } from './ports/people-store.js';
import type { SegmentMembers } from './ports/segment-members.js';
import type { Timeline } from './ports/timeline.js';
import { profilesErrors } from './profiles.errors.js';
import { digestPeople, type PeopleDigest } from './steps/digest-people.js';
import type { KnownPerson, PersonFinder } from './steps/find-person.js';
import {
  mergedTimeline,
  readTimelinePage,
  type TimelinePage,
  type TimelineQuery,
} from './steps/read-timeline.js';
import { walkPeople } from './steps/walk-people.js';

export interface ReadPorts {
  readonly clock: Clock;
  readonly definitions: Definitions;
  readonly finder: PersonFinder;
  readonly people: PeopleStore;
  readonly timeline: Timeline;
  readonly members: SegmentMembers;
}

/** A person as asked for. */
export interface ShownProfile {
  readonly view: ProfileView;
  readonly version: number;
  readonly settling: boolean;
}

export interface MembersPage {
  readonly members: readonly ProfileId[];
  readonly nextCursor: string | undefined;
}

/** A line of the training export. */
export type ExportLine =
  | { readonly kind: 'person'; readonly person: Person }
  | { readonly kind: 'event'; readonly person: Person; readonly event: AcceptedEvent };

export class ReadProfiles {
  constructor(readonly ports: ReadPorts) {}

  async profile(person: string): Promise<ShownProfile> {
    return this.#show(await this.ports.finder.find(person));
  }

  /** Numbers for models; undefined for a person who is not known. */
  async features(person: string): Promise<Readonly<Record<string, number>> | undefined> {
    const known = await this.ports.finder.lookUp(person);
    return known === undefined ? undefined : featuresOf(known.person, this.#instantFor(known.person));
  }

  async timeline(person: string, query: Omit<TimelineQuery, 'origins'>): Promise<TimelinePage> {
    const known = await this.ports.finder.find(person);
    const { event, fromMs } = query;
    const states = [...known.person.origins.values()].flatMap(({ state }) => state ?? []);
    if (
      event !== undefined &&
      fromMs !== undefined &&
      !states.some((one) => mayHaveSince(one, event, fromMs))
    )
      return { events: [], nextCursor: undefined };
    return await readTimelinePage(this.ports.timeline, { ...query, origins: originsOf(known.person) });
  }

  /** Everything kept about a person: the profile, then every event, the oldest first. */
  async *everything(person: string): AsyncGenerator<ShownProfile | AcceptedEvent> {
    const known = await this.ports.finder.find(person);
    yield this.#show(known);
    for await (const { event } of mergedTimeline(this.ports.timeline, {
      origins: originsOf(known.person),
      newestFirst: false,
    })) {
      yield event;
    }
  }

  async members(segment: string, cursor: string | undefined, limit: number): Promise<MembersPage> {
    this.#mustKnowSegment(segment);
    const members = await this.ports.members.list(segment, cursor as ProfileId | undefined, limit);
    return { members, nextCursor: members.length < limit ? undefined : members.at(-1) };
  }

  async memberCounts(): Promise<ReadonlyMap<string, number>> {
    return await this.ports.members.counts(this.ports.definitions.segments.map(({ name }) => name));
  }

  async digest(atMs: number | undefined): Promise<PeopleDigest> {
    return await digestPeople(this.ports.people, this.ports.definitions, atMs ?? this.ports.clock.now());
  }

  /** Everybody with their events in the order of time: what point-in-time training sets are made from. */
  async *export(range: { readonly fromMs?: number; readonly toMs?: number }): AsyncGenerator<ExportLine> {
    for await (const person of walkPeople(this.ports.people, this.ports.definitions)) {
      if (!person.isSeen) continue;
      yield { kind: 'person', person };
      const entries = mergedTimeline(this.ports.timeline, {
        ...range,
        origins: originsOf(person),
        newestFirst: false,
      });
      for await (const { event } of entries) yield { kind: 'event', person, event };
    }
  }

  #mustKnowSegment(segment: string): void {
    const known = this.ports.definitions.segments.map(({ name }) => name);
    if (known.includes(segment)) return;
    throw new RapportError(
      profilesErrors.segmentUnknown,
      'not_found',
      `the playbook has no segment ${JSON.stringify(segment.slice(0, 80))}; it has ${known.join(', ')}`,
    );
  }

  #show({ person, settling }: KnownPerson): ShownProfile {
    return { view: viewAt(person, this.#instantFor(person)), version: person.version, settling };
  }

  /** Now, but never before the newest event. */
  #instantFor(person: Person): number {
    return Math.max(this.ports.clock.now(), person.asOfMs);
  }
}

/** Identifiers that had events. */
const originsOf = (person: Person) =>
  [...person.origins.values()].flatMap(({ origin, state }) => (state === undefined ? [] : [origin]));
