import { compareScalars, hashesOf, scalarsOf, type Scalar } from './scalars.js';
import { traitKind } from './trait-kind.js';

type Counted = [value: Scalar, count: number];

/**
 * The value that came most often; of equals, the smallest. Exact up to 200 different values over a lifetime and 32
 * in a window. Beyond that, those with the lowest hashes are counted: a sample of the values, and a bound under which
 * the order of arrival does not matter (a value that is kept in the end was never dropped on the way).
 */
export const mostFrequent = traitKind<Counted[]>('most_frequent', (definition) => {
  const cap = definition.window === undefined ? 200 : 32;
  return {
    empty: () => [],
    add: (state, { values }) => {
      for (const value of scalarsOf(values)) increase(state, value, 1);
      return bounded(state, cap);
    },
    merge: (left, right) => {
      const all = left.map(([value, count]): Counted => [value, count]);
      for (const [value, count] of right) increase(all, value, count);
      return bounded(all, cap);
    },
    read: (state) => {
      let best: Counted | undefined;
      for (const entry of state) {
        if (
          best === undefined ||
          entry[1] > best[1] ||
          (entry[1] === best[1] && compareScalars(entry[0], best[0]) < 0)
        ) {
          best = entry;
        }
      }
      return best?.[0] ?? null;
    },
  };
});

function increase(state: Counted[], value: Scalar, by: number): void {
  const known = state.find((entry) => entry[0] === value);
  if (known === undefined) state.push([value, by]);
  else known[1] += by;
}

function bounded(state: Counted[], cap: number): Counted[] {
  if (state.length <= cap) return state;
  return state
    .map((entry) => ({ entry, hash: hashesOf(entry[0])[0] }))
    .sort((left, right) => left.hash - right.hash || compareScalars(left.entry[0], right.entry[0]))
    .slice(0, cap)
    .map(({ entry }) => entry);
}
