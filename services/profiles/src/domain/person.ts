import type { Identifier, Origin, ProfileId } from '@rapport/kernel';
import type { Definitions } from './definitions.js';
import { never } from './instants.js';
import type { OriginState, Touched } from './origin-state.js';
import { PersonFacts } from './person-facts.js';
import type { PersonDocument } from './person-document.js';
import { lasting, type Verdict } from './segment-rules/segment-rule-kind.js';

/** An origin as this worker holds it; without a state while it has had no event. */
export interface HeldOrigin {
  readonly origin: Origin;
  /** The version of the stored document; 0 where there is none. */
  version: number;
  state: OriginState | undefined;
}

/** Offset of the newest record of a partition that an origin has folded in; -1 before the first. */
export const appliedTo = (held: HeldOrigin, partition: number): number =>
  held.state?.applied[String(partition)] ?? -1;

/** Whom that record was folded for. */
export const foldedFor = (held: HeldOrigin, partition: number): ProfileId | undefined =>
  held.state?.foldedFor?.[String(partition)];

/** A segment entered or left at an instant. */
export interface Transition {
  readonly segment: string;
  readonly kind: 'entered' | 'left';
  readonly atMs: number;
}

/** Transitions of one write; beyond it the oldest are left out. */
export const mostTransitions = 500;
/** Origins that went elsewhere and events that came forwarded: how many are remembered. */
export const mostRemembered = 50;

/**
 * One person as of an instant: the membership, the origins, and the segments with since when. Time only goes
 * forward: `advanceTo` lives through everything that falls due on the way, each at its own instant.
 */
export class Person {
  identifiers: readonly Identifier[] = [];
  membershipVersion = 0;
  mergedInto: ProfileId | undefined;
  /** The instant that everything here is true for. */
  asOfMs = -Infinity;
  /** Version of the stored document; 0 before the first write. */
  version = 0;
  /** Offset of the newest record of `events.identified.v1` applied; -1 before the first. */
  applied = -1;
  /** The offset before the first record of the last batch that brought events. */
  after = -1;
  /** By origin: offset of its newest record applied here. */
  readonly told = new Map<Origin, number>();
  readonly segments = new Map<string, number>();
  readonly origins = new Map<Identifier, HeldOrigin>();
  readonly scores = new Map<string, number>();
  transitions: Transition[] = [];
  /** Origins that left with a membership: their late events belong to others. */
  lost: readonly Identifier[] = [];
  /** Message ids of events that other workers folded and passed on. */
  forwarded: readonly string[] = [];
  /** The definitions by which segments were last decided. */
  definitionsVersion: string;
  readonly #facts: PersonFacts;
  #verdicts: Verdict[] | undefined;

  constructor(
    readonly profileId: ProfileId,
    readonly definitions: Definitions,
  ) {
    this.definitionsVersion = definitions.version;
    this.#facts = new PersonFacts(definitions);
  }

  static from(
    profileId: ProfileId,
    definitions: Definitions,
    document: PersonDocument,
    version: number,
  ): Person {
    const person = new Person(profileId, definitions);
    person.identifiers = document.identifiers;
    person.membershipVersion = document.membershipVersion;
    person.mergedInto = document.mergedInto;
    person.asOfMs = document.asOf;
    person.version = version;
    person.applied = document.applied;
    person.after = document.after;
    for (const [origin, offset] of document.told) person.told.set(origin, offset);
    for (const [name, since] of document.segments) person.segments.set(name, since);
    for (const [model, score] of document.scores) person.scores.set(model, score);
    person.lost = document.lost;
    person.forwarded = document.forwarded;
    person.definitionsVersion = document.definitions;
    return person;
  }

  get facts(): PersonFacts {
    return this.#facts;
  }

  /** True once an event came; before that a person is in no segment. */
  get isSeen(): boolean {
    return this.#facts.firstSeenMs() !== undefined;
  }

  /** Whether a record that comes again was applied here, whoever has its origin now. */
  hasApplied(offset: number, origin: Origin): boolean {
    return offset <= this.applied && offset <= (this.told.get(origin) ?? -1);
  }

  /**
   * Whether a record was applied here and its origin lacks it: a worker wrote the person, and was no longer the owner
   * when the origin's turn came. Such a record was not told either. Only this shows it: a write that lands after the
   * next owner began is not among those that it doubts.
   */
  wasCutShort(offset: number, origin: Origin, partition: number): boolean {
    const held = this.origins.get(origin);
    return held !== undefined && this.hasApplied(offset, origin) && offset > appliedTo(held, partition);
  }

  /** The next instant at which a segment may change by itself; `never` when only an event can change one. */
  get dueMs(): number {
    let due = never;
    for (const { untilMs } of this.#verdicts ?? this.#decideAll()) if (untilMs < due) due = untilMs;
    return due;
  }

  holdOrigins(held: readonly HeldOrigin[]): void {
    this.origins.clear();
    for (const one of held) this.origins.set(one.origin, one);
    this.originsChanged();
  }

  /** To be called when origins came, went or got their first state. */
  originsChanged(): void {
    this.#facts.setStates(
      [...this.origins.values()].flatMap(({ state }) => (state === undefined ? [] : [state])),
      this.origins.keys(),
    );
    this.#facts.setScores(this.scores);
    // Rules may not be asked for an instant before the newest event.
    this.asOfMs = Math.max(this.asOfMs, this.#facts.lastSeenMs() ?? -Infinity);
    this.#verdicts = undefined;
  }

  /**
   * Lives through what falls due up to and at an instant; stands at the last such instant afterwards. Somebody who
   * was decided by other definitions is decided anew at the instant: what would have fallen due by those is no news.
   */
  fireDue(atMs: number): void {
    if (this.definitionsVersion !== this.definitions.version) {
      this.asOfMs = Math.max(this.asOfMs, atMs);
      this.#decideAll();
      return;
    }
    for (let due = this.dueMs; due <= atMs; due = this.dueMs) {
      this.asOfMs = Math.max(this.asOfMs, due);
      this.#decide(this.asOfMs, undefined);
    }
  }

  /** The same, and stands at the instant afterwards. Earlier instants than where it stands change nothing. */
  advanceTo(atMs: number): void {
    this.fireDue(atMs);
    if (atMs > this.asOfMs) this.asOfMs = atMs;
  }

  /** After a fold: asks the rules that listen to what was touched, at the present instant. */
  renew(touched: Touched): void {
    this.#facts.forgetMerged(touched);
    if (this.#verdicts === undefined) return void this.#decideAll();
    const dirty = new Uint8Array(this.definitions.segments.length);
    const { readers } = this.definitions;
    const mark = (segments: readonly number[] | undefined): void => {
      for (const segment of segments ?? []) dirty[segment] = 1;
    };
    for (const accumulator of touched.accumulators) mark(readers.accumulator[accumulator]);
    if (touched.traits) mark(readers.traits);
    if (touched.consents) mark(readers.consents);
    if (touched.firstSeen) mark(readers.firstSeen);
    this.#decide(this.asOfMs, dirty);
  }

  /** A fold that was decided upon before: only what was merged is forgotten. */
  refresh(touched: Touched): void {
    this.#facts.forgetMerged(touched);
    this.#verdicts = undefined;
  }

  /** Asks every rule at the present instant. */
  renewAll(): void {
    this.#decideAll();
  }

  setScore(model: string, score: number): void {
    if (this.scores.get(model) === score) return;
    this.scores.set(model, score);
    if (this.#verdicts === undefined) return;
    const dirty = new Uint8Array(this.definitions.segments.length);
    for (const segment of this.definitions.readers.scores) dirty[segment] = 1;
    this.#decide(this.asOfMs, dirty);
  }

  /** The segments at an instant, with since when; leaves this person as it is. */
  segmentsAt(atMs: number): ReadonlyMap<string, number> {
    if (this.#verdicts !== undefined && atMs < this.dueMs) return this.segments;
    const later = new Person(this.profileId, this.definitions);
    later.asOfMs = this.asOfMs;
    later.definitionsVersion = this.definitionsVersion;
    for (const [name, since] of this.segments) later.segments.set(name, since);
    for (const [model, score] of this.scores) later.scores.set(model, score);
    later.holdOrigins([...this.origins.values()]);
    later.advanceTo(atMs);
    return later.segments;
  }

  #decideAll(): readonly Verdict[] {
    this.#verdicts = this.definitions.segments.map(() => lasting(false));
    this.#facts.setVerdicts(this.#verdicts);
    this.definitionsVersion = this.definitions.version;
    this.#decide(this.asOfMs, new Uint8Array(this.definitions.segments.length).fill(1));
    this.#leaveUnknownSegments();
    return this.#verdicts;
  }

  /** Asks what is marked or has run out; segments stand in an order in which references point back. */
  #decide(atMs: number, marked: Uint8Array | undefined): void {
    const verdicts = this.#verdicts as Verdict[];
    const dirty = marked ?? new Uint8Array(verdicts.length);
    const { segments } = this.definitions;
    const { isSeen } = this;
    for (let i = 0; i < segments.length; i++) {
      if (dirty[i] === 0 && (verdicts[i] as Verdict).untilMs > atMs) continue;
      const segment = segments[i] as (typeof segments)[number];
      const verdict = isSeen ? segment.rule(this.#facts, atMs) : lasting(false);
      verdicts[i] = verdict;
      for (const referrer of segment.referrers) dirty[referrer] = 1;
      this.#note(segment.name, verdict.holds, atMs);
    }
  }

  #note(segment: string, holds: boolean, atMs: number): void {
    if (this.segments.has(segment) === holds) return;
    if (holds) this.segments.set(segment, atMs);
    else this.segments.delete(segment);
    this.transitions.push({ segment, kind: holds ? 'entered' : 'left', atMs });
    if (this.transitions.length > mostTransitions) this.transitions.shift();
  }

  /** Segments that the playbook no longer has are left. */
  #leaveUnknownSegments(): void {
    for (const name of [...this.segments.keys()]) {
      if (!this.definitions.hasSegment(name)) this.#note(name, false, this.asOfMs);
    }
  }
}
