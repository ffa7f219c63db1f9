import type { JsonValue } from '@rapport/contracts';
import type { Condition } from '@rapport/playbook';

type Scalar = string | number | boolean;
type Compare = (value: JsonValue, wanted: Scalar | readonly Scalar[]) => boolean;

/** Orders numbers with numbers and texts with texts (so ISO instants by time); anything else is not ordered. */
const ordered =
  (holds: (order: number) => boolean): Compare =>
  (value, wanted) => {
    if (typeof value === 'number' && typeof wanted === 'number') return holds(value - wanted);
    if (typeof value === 'string' && typeof wanted === 'string')
      return holds(value < wanted ? -1 : value > wanted ? 1 : 0);
    return false;
  };

const equal: Compare = (value, wanted) => value === wanted;

/** One line per operator: what a single value must satisfy. `ne` and `exists` are about all values and stand below. */
const operators: Readonly<Record<Exclude<Condition['op'], 'ne' | 'exists'>, Compare>> = {
  eq: equal,
  gt: ordered((order) => order > 0),
  gte: ordered((order) => order >= 0),
  lt: ordered((order) => order < 0),
  lte: ordered((order) => order <= 0),
  in: (value, wanted) => Array.isArray(wanted) && (wanted as readonly JsonValue[]).includes(value),
  contains: (value, wanted) => {
    if (Array.isArray(value)) return (value as readonly JsonValue[]).includes(wanted);
    return typeof value === 'string' && typeof wanted === 'string' && value.includes(wanted);
  },
  starts_with: (value, wanted) =>
    typeof value === 'string' && typeof wanted === 'string' && value.startsWith(wanted),
};

/** Says whether the values found at a path satisfy a condition. */
export type ValuesTest = (values: readonly JsonValue[]) => boolean;

/**
 * Compiles the comparison of a condition. With several values (`products[].…`) one that satisfies it is enough;
 * `ne` is the opposite of `eq`, so it also holds where there is no value.
 */
export function compileTest(condition: Condition): ValuesTest {
  const { op, value: wanted } = condition;
  if (op === 'exists') return (values) => values.some((value) => value !== null);
  if (wanted === undefined) return () => false;
  if (op === 'ne') return (values) => !values.some((value) => equal(value, wanted));
  const compare = operators[op];
  return (values) => values.some((value) => compare(value, wanted));
}
