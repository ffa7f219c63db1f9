import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { BruteForcePerson } from '../fixtures/brute-force-person.js';
import { epochMs, profileId } from '../fixtures/events.js';
import { everyKind } from '../fixtures/every-kind.js';
import { randomEvents, spanMs } from '../fixtures/random-events.js';
import { compileDefinitions } from './compile-definitions.js';
import { emptyOrigin, foldEvent, type OriginState } from './origin-state.js';
import { Person } from './person.js';
import type { ProfileEvent } from './profile-event.js';
import { viewAt } from './view.js';

const definitions = compileDefinitions(everyKind);

/** Origins folded from events in the order given. */
function foldOrigins(events: readonly ProfileEvent[]): readonly OriginState[] {
  const states = new Map<string, OriginState>();
  for (const event of events) {
    const { origin } = event.record;
    const state = states.get(origin) ?? emptyOrigin(origin, definitions);
    states.set(origin, state);
    foldEvent(definitions, state, event);
  }
  return [...states.values()];
}

function personOf(events: readonly ProfileEvent[]): Person {
  const person = new Person(profileId('ada'), definitions);
  const states = foldOrigins(events);
  person.identifiers = states.map(({ origin }) => origin);
  person.holdOrigins(states.map((state) => ({ origin: state.origin, version: 1, state })));
  return person;
}

const shown = (person: Person, atMs: number) => {
  const view = viewAt(person, atMs);
  return {
    traits: Object.fromEntries(Object.entries(view.traits).map(([name, { value }]) => [name, value])),
    consent: Object.fromEntries(
      Object.entries(view.consent).map(([purpose, { granted }]) => [purpose, granted]),
    ),
    computed: view.computedTraits,
    segments: view.segments.map(({ name }) => name),
  };
};
const expected = (events: readonly ProfileEvent[], atMs: number) => {
  const oracle = new BruteForcePerson(everyKind, events, atMs);
  return {
    traits: oracle.traits(),
    consent: oracle.consent(),
    computed: oracle.computed(),
    segments: oracle.segments().sort(),
  };
};

describe('a person', () => {
  it('is at any instant what all raw events say, whatever order they came in', () => {
    fc.assert(
      fc.property(
        randomEvents(40).chain((events) =>
          fc.tuple(
            fc.constant(events),
            fc.shuffledSubarray([...events], { minLength: events.length }),
            fc.integer({ min: 0, max: 200 }),
          ),
        ),
        ([events, shuffled, laterMs]) => {
          const atMs = epochMs + spanMs + laterMs;
          expect(shown(personOf(shuffled), atMs)).toEqual(expected(events, atMs));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is in its segments at every millisecond exactly when the rules hold, while events come in', () => {
    fc.assert(
      fc.property(randomEvents(25), (events) => {
        const held = liveThrough(events);
        for (let atMs = epochMs; atMs <= epochMs + spanMs + 140; atMs++) {
          const received = events.filter(({ receivedMs }) => receivedMs <= atMs);
          expect([atMs - epochMs, held(atMs)]).toEqual([
            atMs - epochMs,
            new BruteForcePerson(everyKind, received, atMs).segments().sort(),
          ]);
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** Lives through a stream as the worker does; answers who was in what at the end of each millisecond. */
function liveThrough(events: readonly ProfileEvent[]): (atMs: number) => readonly string[] {
  const person = new Person(profileId('ada'), definitions);
  for (const event of events) {
    person.advanceTo(event.receivedMs);
    const { origin } = event.record;
    const held = person.origins.get(origin) ?? { origin, version: 0, state: undefined };
    person.origins.set(origin, held);
    const isFirst = held.state === undefined;
    const state = (held.state ??= emptyOrigin(origin, definitions));
    const touched = foldEvent(definitions, state, event);
    if (isFirst) {
      person.originsChanged();
      person.renewAll();
    } else person.renew(touched);
  }
  person.advanceTo(epochMs + spanMs + 1000);
  const { transitions } = person;
  return (atMs) => {
    const held = new Set<string>();
    for (const { segment, kind, atMs: movedMs } of transitions) {
      if (movedMs > atMs) break;
      if (kind === 'entered') held.add(segment);
      else held.delete(segment);
    }
    return [...held].sort();
  };
}
