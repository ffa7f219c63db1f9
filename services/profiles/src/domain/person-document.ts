import type { Identifier, Origin, ProfileId } from '@rapport/kernel';
import { never } from './instants.js';
import type { Person } from './person.js';

/**
 * What is stored of a person: membership, segments, and the outbox. The outbox is the change that the last write
 * made: `transitions`, and, if events made it, those with offsets in (`after`, `applied`] of origins that were told
 * since. It is told again when it may not have come through. Everything else about the person is folded from the origins.
 */
export interface PersonDocument {
  /** Partition of the profile's topics: whose worker owns it. */
  readonly partition: number;
  /** Milliseconds since 1970; absent when only an event can change a segment. */
  readonly due?: number;
  /** Number of the batch that wrote this: tells whether the change was told. */
  readonly batch: number;
  /** The same, when a due timer made the change: no input comes again that would bring it up. */
  readonly timer?: number;
  /** Set when nobody is known by this any more: merged into another, or forgotten. */
  readonly gone?: 1;
  readonly identifiers: readonly Identifier[];
  readonly membershipVersion: number;
  readonly mergedInto?: ProfileId;
  readonly asOf: number;
  readonly applied: number;
  /** The offset before the first record of the last batch that brought events. */
  readonly after: number;
  /** By origin: offset of its newest record applied here; of origins that are or were the person's. */
  readonly told: readonly (readonly [origin: Origin, offset: number])[];
  /** Whether that batch made the last write. */
  readonly hasEvents: boolean;
  readonly segments: readonly (readonly [name: string, sinceMs: number])[];
  readonly transitions: readonly (readonly [segment: string, kind: 'entered' | 'left', atMs: number])[];
  readonly scores: readonly (readonly [model: string, score: number])[];
  readonly lost: readonly Identifier[];
  readonly forwarded: readonly string[];
  readonly definitions: string;
}

/** The write that a document is made for. */
export interface DocumentContext {
  readonly partition: number;
  readonly batch: number;
  readonly isTimer: boolean;
  readonly hasEvents: boolean;
}

/** The document of a person as it stands, with its last change in the outbox. */
export function documentOf(
  person: Person,
  { partition, batch, isTimer, hasEvents }: DocumentContext,
): PersonDocument {
  const due = person.dueMs;
  return {
    partition,
    ...(due === never ? {} : { due }),
    batch,
    ...(isTimer ? { timer: batch } : {}),
    ...(person.identifiers.length === 0 ? { gone: 1 } : {}),
    identifiers: person.identifiers,
    membershipVersion: person.membershipVersion,
    ...(person.mergedInto === undefined ? {} : { mergedInto: person.mergedInto }),
    asOf: person.asOfMs,
    applied: person.applied,
    after: person.after,
    told: [...person.told],
    hasEvents,
    segments: [...person.segments],
    transitions: person.transitions.map(({ segment, kind, atMs }) => [segment, kind, atMs] as const),
    scores: [...person.scores],
    lost: person.lost,
    forwarded: person.forwarded,
    definitions: person.definitionsVersion,
  };
}
