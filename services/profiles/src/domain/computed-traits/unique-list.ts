import { compareScalars, scalarsOf, type Scalar } from './scalars.js';
import { traitKind } from './trait-kind.js';

/** A value and when it last came. */
type Dated = [value: Scalar, atMs: number];

const byNewest = (left: Dated, right: Dated): number =>
  right[1] - left[1] || compareScalars(left[0], right[0]);

/** The different values, the one that came last first; the `limit` (default 20) newest are kept. */
export const uniqueList = traitKind<Dated[]>('unique_list', (definition) => {
  const limit = definition.limit ?? 20;
  return {
    empty: () => [],
    add: (state, { atMs, values }) => {
      for (const value of scalarsOf(values)) renew(state, value, atMs);
      return state.sort(byNewest).slice(0, limit);
    },
    merge: (left, right) => {
      const all = left.map(([value, atMs]): Dated => [value, atMs]);
      for (const [value, atMs] of right) renew(all, value, atMs);
      return all.sort(byNewest).slice(0, limit);
    },
    read: (state) => state.map(([value]) => value),
  };
});

function renew(state: Dated[], value: Scalar, atMs: number): void {
  const known = state.find((entry) => entry[0] === value);
  if (known === undefined) state.push([value, atMs]);
  else if (atMs > known[1]) known[1] = atMs;
}
