import type { Origin, ProfileId } from '@rapport/kernel';
import { appliedTo, foldedFor, type HeldOrigin, type Person } from '../domain/person.js';
import type { ChangeFeed } from '../ports/change-feed.js';
import type { IdentityDirectory } from '../ports/identifier-index.js';
import type { ClaimedEvent } from './claim-events.js';
import type { FoundPerson, PeopleAtHand } from './people-at-hand.js';

/** An event with the person that it belongs to now, or, when that person lives in another partition, its owner there. */
export type HousedEvent = ClaimedEvent &
  (
    | { readonly person: Person; readonly held: HeldOrigin }
    | { readonly owner: ProfileId; readonly held: HeldOrigin; readonly person?: undefined }
  );

export interface Homes {
  readonly events: readonly HousedEvent[];
  /** Events that came again: somebody has applied and told them, or tells them now, and their origins have them. */
  readonly repeated: number;
  readonly people: ReadonlyMap<ProfileId, FoundPerson>;
}

export interface HomePorts {
  readonly feed: ChangeFeed;
  readonly directory: IdentityDirectory;
}

/** A merged person may point to one that was merged in turn; more hops than this are a circle that will pass. */
const mostHops = 8;

type Home = { readonly person: Person } | { readonly owner: ProfileId };

/**
 * Finds for each event the person that it belongs to. Mostly the one it was identified under; after a merge or a
 * split, the one that has the origin now, which the identity room is asked for. An origin that the membership does
 * not name yet is taken in: its membership record is on the way.
 */
export async function findHomes(
  ports: HomePorts,
  hand: PeopleAtHand,
  partition: number,
  events: readonly ClaimedEvent[],
): Promise<Homes> {
  const people = new Map(await hand.people(events.map(({ record }) => record.profileId)));
  const found = (event: ClaimedEvent): Person => (people.get(event.record.profileId) as FoundPerson).person;
  const unapplied = events.filter((event) => {
    const { offset, standing, record } = event;
    const person = found(event);
    if (person.hasApplied(offset, record.origin))
      return standing !== 'passed on' && person.wasCutShort(offset, record.origin, partition);
    // Passed on twice, told of here, and somebody else's by now.
    const isRepeated = standing === 'passed on' && person.forwarded.includes(record.messageId);
    return !isRepeated || belongs(person, record.origin);
  });
  const homes: Home[] = [];
  for (const event of unapplied) {
    const person = found(event);
    homes.push(
      belongs(person, event.record.origin)
        ? { person }
        : await findElsewhere(ports, hand, partition, people, person, event.record.origin),
    );
  }
  const held = await holdOrigins(hand, unapplied, homes);
  const housed = unapplied.map((event, index): HousedEvent => {
    const home = homes[index] as Home;
    const { origin } = event.record;
    if ('owner' in home) return { ...event, owner: home.owner, held: held.get(origin) as HeldOrigin };
    return { ...event, person: home.person, held: home.person.origins.get(origin) as HeldOrigin };
  });
  const { tellers, events: left } = leaveToTellers(ports.feed, partition, housed);
  const unread = tellers.filter((id) => !people.has(id));
  for (const [id, one] of await hand.people(unread)) people.set(id, one);
  return { people, repeated: events.length - left.length, events: left };
}

/**
 * An event that comes again while its origin moved on belongs to whom it was folded for: they have told it, or do so
 * when they are read, or, in another partition, when it is passed on to them once more. Its present owner has read the
 * origin with the event in it.
 */
function leaveToTellers(
  feed: ChangeFeed,
  partition: number,
  housed: readonly HousedEvent[],
): { readonly events: readonly HousedEvent[]; readonly tellers: readonly ProfileId[] } {
  const events: HousedEvent[] = [];
  const tellers = new Set<ProfileId>();
  for (const event of housed) {
    const { held, offset, standing } = event;
    const owner = event.person === undefined ? event.owner : event.person.profileId;
    const folded = foldedFor(held, partition);
    const isRepeated = standing === 'redelivered' && offset <= appliedTo(held, partition);
    if (!isRepeated || folded === undefined || folded === owner) events.push(event);
    else if (feed.partitionOf(folded) === partition) tellers.add(folded);
    else events.push({ ...event, owner: folded, person: undefined });
  }
  return { events, tellers: [...tellers] };
}

/** Of somebody without a membership everything is believed until it comes. */
const belongs = (person: Person, origin: Origin): boolean =>
  person.origins.has(origin) || (person.mergedInto === undefined && person.membershipVersion === 0);

async function findElsewhere(
  { feed, directory }: HomePorts,
  hand: PeopleAtHand,
  partition: number,
  people: Map<ProfileId, FoundPerson>,
  from: Person,
  origin: Origin,
): Promise<Home> {
  let person = from;
  for (let hop = 0; hop < mostHops; hop++) {
    const owner = person.mergedInto ?? (await directory.resolve(origin));
    // It is theirs: the membership record that says so is on the way.
    if (owner === undefined || owner === person.profileId) break;
    if (feed.partitionOf(owner) !== partition) return { owner };
    for (const [id, found] of await hand.people(people.has(owner) ? [] : [owner])) people.set(id, found);
    person = (people.get(owner) as FoundPerson).person;
    if (belongs(person, origin)) break;
  }
  return { person };
}

/** Makes sure that each home holds its event's origin; answers the origins that are only passing through. */
async function holdOrigins(
  hand: PeopleAtHand,
  events: readonly ClaimedEvent[],
  homes: readonly Home[],
): Promise<ReadonlyMap<Origin, HeldOrigin>> {
  const passing = new Set<Origin>();
  const wanted = new Map<Person, Wanted>();
  for (const [index, { record, standing, event }] of events.entries()) {
    const home = homes[index] as Home;
    if ('owner' in home) passing.add(record.origin);
    else if (standing === 'passed on' || !home.person.origins.has(record.origin)) {
      const known = wanted.get(home.person) ?? { origins: new Set<Origin>(), fromMs: event.receivedMs };
      known.origins.add(record.origin);
      wanted.set(home.person, known);
    }
  }
  if (passing.size === 0 && wanted.size === 0) return new Map();
  const read = await hand.origins([
    ...passing,
    ...[...wanted.values()].flatMap(({ origins }) => [...origins]),
  ]);
  for (const [person, { origins, fromMs }] of wanted) {
    person.advanceTo(fromMs);
    for (const origin of origins) {
      if (!person.identifiers.includes(origin)) person.identifiers = [...person.identifiers, origin];
      person.origins.set(origin, read.get(origin) as HeldOrigin);
    }
    person.lost = person.lost.filter((origin) => !origins.has(origin));
    person.originsChanged();
  }
  return read;
}

/** Origins that a person does not hold yet, or not as another worker left them, and since which instant they count. */
interface Wanted {
  readonly origins: Set<Origin>;
  readonly fromMs: number;
}
