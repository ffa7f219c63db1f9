import type { JsonValue } from '@rapport/contracts';
import type { Identifier } from '@rapport/kernel';
import { consentsOf, traitsOf } from './browser-claims.js';
import type { ConsentEntry } from './consents.js';
import type { Definitions } from './definitions.js';
import type { OriginState, Touched } from './origin-state.js';
import type { Facts, TraitReading, Verdict } from './segment-rules/segment-rule-kind.js';
import { traitValue, type TraitEntry } from './traits.js';

/** The origins of a person taken together. Merged states are remembered until the origins change. */
export class PersonFacts implements Facts {
  readonly #definitions: Definitions;
  #states: readonly OriginState[] = [];
  #members: readonly Identifier[] = [];
  readonly #merged = new Map<number, unknown>();
  #consents: readonly ConsentEntry[] | undefined;
  #traits: readonly TraitEntry[] | undefined;
  #computed: { readonly atMs: number; readonly values: Readonly<Record<string, JsonValue>> } | undefined;
  #verdicts: readonly Verdict[] = [];
  #scores: ReadonlyMap<string, number> = new Map();

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /**
   * The states in the order of the origins' names: where two facts tie, the first origin's holds. `members` are all
   * identifiers of the person, also those that no event was filed under.
   */
  setStates(states: readonly OriginState[], members: Iterable<Identifier>): void {
    this.#states = [...states].sort((one, other) => (one.origin < other.origin ? -1 : 1));
    this.#members = [...members];
    this.#merged.clear();
    this.#consents = undefined;
    this.#traits = undefined;
    this.#computed = undefined;
  }

  setVerdicts(verdicts: readonly Verdict[]): void {
    this.#verdicts = verdicts;
  }

  setScores(scores: ReadonlyMap<string, number>): void {
    this.#scores = scores;
  }

  states(): readonly OriginState[] {
    return this.#states;
  }

  forgetMerged({ accumulators, traits, consents }: Touched): void {
    for (const number of accumulators) this.#merged.delete(number);
    if (accumulators.length > 0) this.#computed = undefined;
    if (traits) this.#traits = undefined;
    if (consents) this.#consents = undefined;
  }

  gathered(accumulator: number): unknown {
    const { key, merge } = this.#definitions.accumulator(accumulator);
    const only = this.#states.length === 1 ? this.#states[0] : undefined;
    if (only !== undefined) return only.gathered[key];
    if (this.#merged.has(accumulator)) return this.#merged.get(accumulator);
    let merged: unknown;
    for (const { gathered } of this.#states) {
      const state = gathered[key];
      if (state !== undefined) merged = merged === undefined ? state : merge(merged, state);
    }
    this.#merged.set(accumulator, merged);
    return merged;
  }

  trait(name: string): JsonValue | undefined {
    return this.#states.some(({ browser }) => browser !== undefined)
      ? traitValue([this.traits()], name)
      : traitValue(
          this.#states.map(({ traits }) => traits),
          name,
        );
  }

  traits(): readonly TraitEntry[] {
    this.#traits ??= traitsOf(this.#states, this.#members);
    return this.#traits;
  }

  computed(trait: number, atMs: number, thresholds: readonly number[]): TraitReading {
    const { accumulator, fold, changesAfter } = this.#definitions.traits[
      trait
    ] as Definitions['traits'][number];
    const state = this.gathered(accumulator);
    if (state === undefined) return { value: fold.read(fold.empty(), atMs), untilMs: Infinity };
    let untilMs = changesAfter(state, atMs);
    if (fold.crossings !== undefined) {
      for (const threshold of thresholds) {
        for (const crossing of fold.crossings(state, threshold))
          if (crossing > atMs && crossing < untilMs) untilMs = crossing;
      }
    }
    return { value: fold.read(state, atMs), untilMs };
  }

  /** Every computed trait at an instant, by name; the newest answer is remembered. */
  allComputed(atMs: number): Readonly<Record<string, JsonValue>> {
    if (this.#computed?.atMs === atMs) return this.#computed.values;
    const values: Record<string, JsonValue> = {};
    const { traits } = this.#definitions;
    for (const { name, accumulator, fold } of traits) {
      const state = this.gathered(accumulator);
      // Trait names are checked by the playbook's schema: none is a property of Object.
      values[name] = fold.read(state === undefined ? fold.empty() : state, atMs);
    }
    this.#computed = { atMs, values };
    return values;
  }

  hasConsent(purpose: string): boolean {
    return this.consents().find(([known]) => known === purpose)?.[1] === true;
  }

  consents(): readonly ConsentEntry[] {
    this.#consents ??= consentsOf(this.#states, this.#members);
    return this.#consents;
  }

  firstSeenMs(): number | undefined {
    let first: number | undefined;
    for (const { seen } of this.#states)
      if (seen !== null && (first === undefined || seen[0] < first)) first = seen[0];
    return first;
  }

  lastSeenMs(): number | undefined {
    let last: number | undefined;
    for (const { seen } of this.#states)
      if (seen !== null && (last === undefined || seen[1] > last)) last = seen[1];
    return last;
  }

  verdictOn(segment: number): Verdict {
    return this.#verdicts[segment] as Verdict;
  }

  score(model: string): number | undefined {
    return this.#scores.get(model);
  }
}
