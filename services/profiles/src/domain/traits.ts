import type { JsonValue, TraitValue } from '@rapport/contracts';
import { isoOf } from './instants.js';
import { isNewer, type ProfileEvent } from './profile-event.js';

/** A trait with where it came from; null as value: taken back. */
export type TraitEntry = [name: string, value: JsonValue, source: string, atMs: number, messageId: string];

/** Traits of one origin or one person: those set last are kept. */
export const mostTraits = 200;
/** Longer values (as text or JSON) are not kept; the timeline has them. */
export const maxTraitLength = 2_048;
export const maxTraitNameLength = 128;

const isKept = (name: string, value: JsonValue): boolean =>
  name.length <= maxTraitNameLength &&
  (typeof value === 'string'
    ? value.length <= maxTraitLength
    : typeof value !== 'object' || value === null || JSON.stringify(value).length <= maxTraitLength);

/** Of two settings of a trait, the one whose event is newer. */
export const isNewerTrait = (entry: TraitEntry, known: TraitEntry): boolean =>
  isNewer(entry[3], entry[4], known[3], known[4]);

/** Sets what an identify call says; answers whether anything changed. */
export function foldTraits(entries: TraitEntry[], event: ProfileEvent): boolean {
  const { record, atMs } = event;
  if (record.type !== 'identify' || record.traits === undefined) return false;
  let changed = false;
  for (const [name, value] of Object.entries(record.traits)) {
    if (!isKept(name, value)) continue;
    changed = putTrait(entries, [name, value, record.source, atMs, record.messageId]) || changed;
  }
  return changed;
}

function putTrait(entries: TraitEntry[], entry: TraitEntry): boolean {
  const index = entries.findIndex(([name]) => name === entry[0]);
  if (index === -1) {
    entries.push(entry);
    if (entries.length > mostTraits) dropOldest(entries);
    return true;
  }
  if (!isNewerTrait(entry, entries[index] as TraitEntry)) return false;
  entries[index] = entry;
  return true;
}

/** What is dropped is older than 200 others, so it would be dropped in any order of arrival. */
function dropOldest(entries: TraitEntry[]): void {
  const oldest = entries.reduce((least, entry) =>
    isNewerTrait(least, entry) || (!isNewerTrait(entry, least) && entry[0] < least[0]) ? entry : least,
  );
  entries.splice(entries.indexOf(oldest), 1);
}

/** The traits of several origins together; the origins in the order of their names. */
export function mergeTraits(origins: readonly (readonly TraitEntry[])[]): readonly TraitEntry[] {
  if (origins.length === 1) return origins[0] as readonly TraitEntry[];
  const merged: TraitEntry[] = [];
  for (const entries of origins) for (const entry of entries) putTrait(merged, entry);
  return merged;
}

/** The value of a trait over several origins; undefined when it is not set or was taken back. */
export function traitValue(origins: readonly (readonly TraitEntry[])[], name: string): JsonValue | undefined {
  let newest: TraitEntry | undefined;
  for (const entries of origins) {
    const entry = entries.find((known) => known[0] === name);
    if (entry !== undefined && (newest === undefined || isNewerTrait(entry, newest))) newest = entry;
  }
  return newest?.[1] ?? undefined;
}

/** Names of the traits that were taken back and not said again, in order. */
export const traitsRemoved = (entries: readonly TraitEntry[]): readonly string[] =>
  entries
    .filter(([, value]) => value === null)
    .map(([name]) => name)
    .sort();

/** Traits as the contracts show them, by name; those taken back are left out. */
export function traitsShown(entries: readonly TraitEntry[]): Readonly<Record<string, TraitValue>> {
  return Object.fromEntries(
    entries
      .filter(([, value]) => value !== null)
      .map(
        ([name, value, source, atMs, messageId]) =>
          [name, { value, source, at: isoOf(atMs), messageId }] as const,
      )
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}
