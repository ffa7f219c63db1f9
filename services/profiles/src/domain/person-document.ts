import type { Identifier, ProfileId } from '@rapport/kernel';
import { never } from './instants.js';
import type { Person } from './person.js';

/**
 * What is stored of a person: membership, segments, and the outbox. The outbox is the change that the last write
 * made (`transitions`, and the events with offsets in (`after`, `applied`]); it is told again when the input that
 * made it is delivered again. Everything else about the person is folded from the origins.
 */
export interface PersonDocument {
  /** Partition of the profile's topics: whose worker owns it. */
  readonly partition: number;
  /** Milliseconds since 1970; absent when only an event can change a segment. */
  readonly due?: number;
  /** Number of the timer run that wrote this; absent when an event or a membership did. */
  readonly run?: number;
  readonly identifiers: readonly Identifier[];
  readonly membershipVersion: number;
  readonly mergedInto?: ProfileId;
  readonly asOf: number;
  readonly applied: number;
  readonly after: number;
  readonly segments: readonly (readonly [name: string, sinceMs: number])[];
  readonly transitions: readonly (readonly [segment: string, kind: 'entered' | 'left', atMs: number])[];
  readonly scores: readonly (readonly [model: string, score: number])[];
  readonly lost: readonly Identifier[];
  readonly forwarded: readonly string[];
  readonly definitions: string;
}

/** The document of a person as it stands, with the change since `after` in its outbox. */
export function documentOf(person: Person, partition: number, after: number, run?: number): PersonDocument {
  const due = person.dueMs;
  return {
    partition,
    ...(due === never ? {} : { due }),
    ...(run === undefined ? {} : { run }),
    identifiers: person.identifiers,
    membershipVersion: person.membershipVersion,
    ...(person.mergedInto === undefined ? {} : { mergedInto: person.mergedInto }),
    asOf: person.asOfMs,
    applied: person.applied,
    after,
    segments: [...person.segments],
    transitions: person.transitions.map(({ segment, kind, atMs }) => [segment, kind, atMs] as const),
    scores: [...person.scores],
    lost: person.lost,
    forwarded: person.forwarded,
    definitions: person.definitionsVersion,
  };
}
