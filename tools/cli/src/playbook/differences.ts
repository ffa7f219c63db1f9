import type { Playbook } from '@rapport/playbook';

/** One definition that is not as it was. */
export interface Difference {
  /** `segments`, `tactics` …, or the name of a single value. */
  readonly part: string;
  /** Empty for single values. */
  readonly name: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Where in the definition, for changed ones. */
  readonly paths: readonly { readonly path: string; readonly before: unknown; readonly after: unknown }[];
}

/** What changed from one playbook to another, by definition; moved lines are no change. */
export function differences(before: Playbook, after: Playbook): Difference[] {
  const found: Difference[] = [];
  for (const part of Object.keys(after) as (keyof Playbook)[]) {
    if (part === 'version') continue;
    const earlier = named(part, before[part]);
    const later = named(part, after[part]);
    for (const name of [...new Set([...earlier.keys(), ...later.keys()])].sort()) {
      const [old, now] = [earlier.get(name), later.get(name)];
      const paths = changes('', old, now);
      if (paths.length === 0) continue;
      const kind = old === undefined ? 'added' : now === undefined ? 'removed' : 'changed';
      found.push({ part, name, kind, paths: kind === 'changed' ? paths : [] });
    }
  }
  return found;
}

/** `~ tactics come_back: goal.target 3 → 4`. */
export function formatDifference({ part, name, kind, paths }: Difference): string {
  const sign = { added: '+', removed: '-', changed: '~' }[kind];
  const title = `${sign} ${part}${name === '' ? '' : ` ${name}`}`;
  if (paths.length === 0) return title;
  return `${title}: ${paths.map(({ path, before, after }) => `${path === '' ? '' : `${path} `}${text(before)} → ${text(after)}`).join('; ')}`;
}

function named(part: string, value: unknown): Map<string, unknown> {
  if (!Array.isArray(value)) return new Map([['', value]]);
  return new Map(
    value.map((each: Readonly<Record<string, unknown>>) => [
      String(each[part === 'trackingPlan' ? 'event' : 'name']),
      each,
    ]),
  );
}

function changes(
  path: string,
  before: unknown,
  after: unknown,
): { path: string; before: unknown; after: unknown }[] {
  if (Object.is(before, after)) return [];
  if (!isBranch(before) || !isBranch(after)) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => changes(path === '' ? key : `${path}.${key}`, before[key], after[key]));
}

function isBranch(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
