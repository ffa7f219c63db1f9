import { fnv1a32 } from '@rapport/kernel';
import type { CompiledFilter } from './event-filters.js';
import type { ProfileEvent } from './profile-event.js';

/**
 * Gathers what matching events say, per origin, as plain data. Adding and merging may happen in any order and
 * grouping: the result is the same. `add` may change the state that it is given; `merge` changes neither side.
 */
export interface Accumulator {
  /** Names the state inside origin documents; follows from the definition, so a changed definition starts afresh. */
  readonly key: string;
  readonly filter: CompiledFilter;
  readonly add: (state: unknown, event: ProfileEvent) => unknown;
  readonly merge: (left: unknown, right: unknown) => unknown;
}

/** The same with its state's type named; the one place where it is given up. */
export interface TypedAccumulator<State> {
  readonly definition: string;
  readonly filter: CompiledFilter;
  readonly empty: () => State;
  readonly add: (state: State, event: ProfileEvent) => State;
  readonly merge: (left: State, right: State) => State;
}

export function accumulatorOf<State>(parts: TypedAccumulator<State>): Accumulator {
  return {
    key: accumulatorKey(parts.definition),
    filter: parts.filter,
    add: (state, event) => parts.add(state === undefined ? parts.empty() : (state as State), event),
    merge: (left, right) => parts.merge(left as State, right as State),
  };
}

/** Two hashes side by side: 64 bits, short enough to stand in every document. */
export const accumulatorKey = (definition: string): string =>
  fnv1a32(definition).toString(36) + fnv1a32(`${definition}#`).toString(36);
