import type { JsonValue } from '@rapport/contracts';
import type { Person } from './person.js';
import { viewAt } from './view.js';

/** JSON with the keys of every object in order: equal values are written equally. */
export function canonicalJson(value: JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(canonicalJson).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value as Readonly<Record<string, JsonValue>>).sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${canonicalJson(inner)}`).join()}}`;
}

/** Segments that a model has no part in: what they hold follows from the events alone. */
const certainSegments = (person: Person): ReadonlySet<string> =>
  new Set(person.definitions.segments.filter(({ predicted }) => !predicted).map(({ name }) => name));

/**
 * A person at an instant as a line that follows from the events alone: no profile id, version, `since`, provenance
 * of the transport, and no segment in which a model's score has a part.
 */
export function digestRow(person: Person, atMs: number): string {
  const view = viewAt(person, atMs);
  const certain = certainSegments(person);
  return canonicalJson({
    identifiers: view.identifiers,
    traits: Object.fromEntries(
      Object.entries(view.traits).map(([name, { value, at }]) => [name, { value, at }]),
    ),
    computedTraits: view.computedTraits,
    segments: view.segments.map(({ name }) => name).filter((name) => certain.has(name)),
    consent: Object.fromEntries(
      Object.entries(view.consent).map(([purpose, { granted, at, source }]) => [
        purpose,
        { granted, at, source },
      ]),
    ),
    firstSeen: view.firstSeen ?? null,
    lastSeen: view.lastSeen ?? null,
  });
}
