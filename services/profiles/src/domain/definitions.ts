import type { EventType } from '@rapport/contracts';
import type { Accumulator } from './accumulator.js';
import type { TraitFold } from './computed-traits/trait-kind.js';
import type { ProfileEvent } from './profile-event.js';
import type { CompiledRule } from './segment-rules/segment-rule-kind.js';

/** A computed trait, ready to be read. */
export interface ComputedTrait {
  readonly name: string;
  /** Number of the accumulator whose state it reads. */
  readonly accumulator: number;
  readonly fold: TraitFold<unknown>;
  /** When a rolling window next moves by itself, after an instant; `never` for a lifetime. */
  readonly changesAfter: (state: unknown, atMs: number) => number;
}

/** A segment, ready to be asked; segments stand in an order in which references point back. */
export interface CompiledSegment {
  readonly name: string;
  readonly rule: CompiledRule;
  /** Numbers of the segments that refer to this one directly. */
  readonly referrers: readonly number[];
  /** True when a model's score has a part in it, directly or through another segment. */
  readonly predicted: boolean;
}

/** What a change in the state may turn: numbers of segments that read it directly. */
export interface Readers {
  readonly accumulator: readonly (readonly number[])[];
  readonly traits: readonly number[];
  readonly consents: readonly number[];
  readonly firstSeen: readonly number[];
  readonly scores: readonly number[];
}

/** The playbook's computed traits and segments, compiled once. */
export class Definitions {
  readonly #listeners: ReadonlyMap<EventType, ReadonlyMap<string | undefined, readonly number[]>>;

  readonly #segmentNames: ReadonlySet<string>;

  constructor(
    /** Digest of what is gathered per origin. */
    readonly gathering: string,
    /** Digest of that and of the segments. */
    readonly version: string,
    readonly accumulators: readonly Accumulator[],
    readonly traits: readonly ComputedTrait[],
    readonly segments: readonly CompiledSegment[],
    readonly readers: Readers,
    /** Names of the models that segments ask. */
    readonly models: readonly string[],
  ) {
    const listeners = new Map<EventType, Map<string | undefined, number[]>>();
    for (const [number, { filter }] of accumulators.entries()) {
      const byLabel = listeners.get(filter.type) ?? new Map<string | undefined, number[]>();
      byLabel.set(filter.label, [...(byLabel.get(filter.label) ?? []), number]);
      listeners.set(filter.type, byLabel);
    }
    this.#listeners = listeners;
    this.#segmentNames = new Set(segments.map(({ name }) => name));
  }

  hasSegment(name: string): boolean {
    return this.#segmentNames.has(name);
  }

  accumulator(number: number): Accumulator {
    return this.accumulators[number] as Accumulator;
  }

  /** The accumulators that gather an event. */
  listeners(event: ProfileEvent): readonly number[] {
    const byLabel = this.#listeners.get(event.record.type);
    if (byLabel === undefined) return [];
    const found: number[] = [];
    for (const number of byLabel.get(undefined) ?? [])
      if (this.accumulator(number).filter.passes(event)) found.push(number);
    if (event.label !== undefined) {
      for (const number of byLabel.get(event.label) ?? [])
        if (this.accumulator(number).filter.passes(event)) found.push(number);
    }
    return found;
  }
}
