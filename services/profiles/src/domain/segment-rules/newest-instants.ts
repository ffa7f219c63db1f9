import type { JsonValue } from '@rapport/contracts';
import type { EventFilter } from '@rapport/playbook';
import type { TypedAccumulator } from '../accumulator.js';
import { compileFilter, filterKey } from '../event-filters.js';
import { compilePath } from '../paths.js';
import { compareScalars, scalarsOf, type Scalar } from '../computed-traits/scalars.js';

/** Event times in ascending order. */
export type Instants = number[];

/** Event times with the value that they were about, in ascending order. */
export type ValuedInstants = (readonly [atMs: number, value: Scalar])[];

/** Puts an entry into its place, from the end: events come mostly in order. Keeps the `cap` newest. */
export function keepNewest<T>(
  entries: T[],
  entry: T,
  compare: (left: T, right: T) => number,
  cap: number,
): T[] {
  let i = entries.length;
  while (i > 0 && compare(entries[i - 1] as T, entry) > 0) i--;
  entries.splice(i, 0, entry);
  if (entries.length > cap) entries.shift();
  return entries;
}

export function mergeNewest<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
  cap: number,
): T[] {
  return [...left, ...right].sort(compare).slice(-cap);
}

const ascending = (left: number, right: number): number => left - right;

/** The times of the `cap` newest matching events. */
export function newestInstants(filter: EventFilter, cap: number): TypedAccumulator<Instants> {
  return {
    definition: JSON.stringify(['instants', filterKey(filter), cap]),
    filter: compileFilter(filter),
    empty: () => [],
    add: (state, event) => keepNewest(state, event.atMs, ascending, cap),
    merge: (left, right) => mergeNewest(left, right, ascending, cap),
  };
}

const byTimeThenValue = (left: readonly [number, Scalar], right: readonly [number, Scalar]): number =>
  left[0] - right[0] || compareScalars(left[1], right[1]);

/** The times of the `cap` newest matching events, each with the value at `per`. */
export function newestInstantsPer(
  filter: EventFilter,
  per: string,
  cap: number,
): TypedAccumulator<ValuedInstants> {
  const read = compilePath(per);
  return {
    definition: JSON.stringify(['instants per', filterKey(filter), per, cap]),
    filter: compileFilter(filter),
    empty: () => [],
    add: (state, event) => {
      const found: JsonValue[] = [];
      read(event, found);
      for (const value of scalarsOf(found))
        keepNewest(state, [event.atMs, value] as const, byTimeThenValue, cap);
      return state;
    },
    merge: (left, right) => mergeNewest(left, right, byTimeThenValue, cap),
  };
}
