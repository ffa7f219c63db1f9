import type { JsonValue } from '@rapport/contracts';
import type { ProfileEvent } from './profile-event.js';

/** Collects what stands at a path of an event into `found`; nothing where the path leads nowhere. */
export type PathReader = (event: ProfileEvent, found: JsonValue[]) => void;

interface PathStep {
  readonly name: string;
  /** `products[]`: goes on into each element. */
  readonly each: boolean;
}

const stepsOf = (path: string): readonly PathStep[] =>
  path
    .split('.')
    .map((part) =>
      part.endsWith('[]') ? { name: part.slice(0, -2), each: true } : { name: part, each: false },
    );

function walk(
  value: JsonValue | undefined,
  steps: readonly PathStep[],
  from: number,
  found: JsonValue[],
): void {
  if (value === undefined || value === null) return;
  const step = steps[from];
  if (step === undefined) {
    found.push(value);
    return;
  }
  if (typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, step.name)) return;
  const next = (value as Readonly<Record<string, JsonValue>>)[step.name];
  if (!step.each) walk(next, steps, from + 1, found);
  else if (Array.isArray(next))
    for (const element of next as readonly JsonValue[]) walk(element, steps, from + 1, found);
}

/**
 * Compiles a dotted path. `properties.`, `traits.` and `context.` name the part of the event; a bare name means the
 * properties (of identify and group: the traits). Null counts as absent.
 */
export function compilePath(path: string): PathReader {
  const steps = stepsOf(path);
  const root = steps[0]?.name;
  if (root === 'properties' || root === 'traits' || root === 'context') {
    const rest = steps.slice(1);
    return (event, found) => walk(event.record[root], rest, 0, found);
  }
  return (event, found) => {
    const { record } = event;
    walk(
      record.type === 'identify' || record.type === 'group' ? record.traits : record.properties,
      steps,
      0,
      found,
    );
  };
}

/** What stands at a dotted path inside a value; for traits that are objects. */
export function valuesIn(value: JsonValue | undefined, path: string): readonly JsonValue[] {
  const found: JsonValue[] = [];
  walk(value, stepsOf(path), 0, found);
  return found;
}
