import type { Interaction } from './interactions.js';

/** A person's newest items with the instant of the last interaction, newest first. */
export type RecentItems = readonly (readonly [item: string, atMs: number])[];

/** How many are kept per person. */
export const maxRecentItems = 20;
/** An interaction is paired with so many items before it. */
const maxPairs = 10;
/** Items further apart in time than this were not turned to together. */
const togetherWithinMs = 7 * 86_400_000;

/** The items that an interaction came together with, the nearest first. */
export function itemsBefore(recent: RecentItems, { item, atMs }: Interaction): readonly string[] {
  return recent
    .filter(([other, otherAtMs]) => other !== item && Math.abs(atMs - otherAtMs) <= togetherWithinMs)
    .slice(0, maxPairs)
    .map(([other]) => other);
}

/** The list after an interaction; at one instant by name, so that the list follows from what is in it alone. */
export function withInteraction(
  recent: RecentItems,
  { item, atMs }: Pick<Interaction, 'item' | 'atMs'>,
): RecentItems {
  const known = recent.find(([other]) => other === item);
  const newest = Math.max(atMs, known?.[1] ?? atMs);
  const rest = recent.filter(([other]) => other !== item);
  const at = rest.findIndex(
    ([other, otherAtMs]) => otherAtMs < newest || (otherAtMs === newest && other > item),
  );
  const list =
    at < 0
      ? [...rest, [item, newest] as const]
      : [...rest.slice(0, at), [item, newest] as const, ...rest.slice(at)];
  return list.slice(0, maxRecentItems);
}

/** One list out of two, when two profiles turned out to be one person. Joining twice changes nothing. */
export function joinRecent(one: RecentItems, other: RecentItems): RecentItems {
  return other.reduceRight<RecentItems>((list, [item, atMs]) => withInteraction(list, { item, atMs }), one);
}
