import type { JsonValue, ProfileView } from '@rapport/contracts';
import { consentsShown } from './consents.js';
import { isoOf } from './instants.js';
import type { OriginState } from './origin-state.js';
import type { Person } from './person.js';
import { isNewer } from './profile-event.js';
import { traitsRemoved, traitsShown } from './traits.js';

/** Every computed trait of a person at an instant, by name. */
export function computedTraitsAt(person: Person, atMs: number): Readonly<Record<string, JsonValue>> {
  return person.facts.allComputed(atMs);
}

/** What a person looks like at an instant, which is not before the newest event. */
export function viewAt(person: Person, atMs: number): ProfileView {
  const { facts } = person;
  const states = facts.states();
  const firstMs = facts.firstSeenMs();
  const lastMs = facts.lastSeenMs();
  const timezone = newestTimezone(states);
  const traits = facts.traits();
  const removedTraits = traitsRemoved(traits);
  return {
    profileId: person.profileId,
    identifiers: [...person.identifiers].sort(),
    traits: traitsShown(traits),
    ...(removedTraits.length === 0 ? {} : { removedTraits }),
    computedTraits: computedTraitsAt(person, atMs),
    segments: [...person.segmentsAt(atMs)]
      .map(([name, sinceMs]) => ({ name, since: isoOf(sinceMs) }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    consent: consentsShown(facts.consents()),
    ...(firstMs === undefined ? {} : { firstSeen: isoOf(firstMs) }),
    ...(lastMs === undefined ? {} : { lastSeen: isoOf(lastMs) }),
    ...(timezone === undefined ? {} : { timezone }),
  };
}

function newestTimezone(states: readonly OriginState[]): string | undefined {
  let newest: OriginState['timezone'] = null;
  for (const { timezone } of states) {
    if (timezone !== null && (newest === null || isNewer(timezone[1], timezone[2], newest[1], newest[2])))
      newest = timezone;
  }
  return newest?.[0];
}
