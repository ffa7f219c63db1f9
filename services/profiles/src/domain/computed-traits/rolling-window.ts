import { never } from '../instants.js';
import type { TraitFold } from './trait-kind.js';

/** A bucket's number (instants divided by the bucket's width, rounded down) and the fold of its events. */
type Bucket = [number: number, state: unknown];

/** How finely a window forgets: a sixtieth of its length at a time. */
export const bucketsPerWindow = 60;

/** The buckets of a window: their width, and how many there are (fewer than 60 only below 60 ms). */
export function bucketsOf(windowMs: number): { readonly widthMs: number; readonly count: number } {
  const widthMs = Math.ceil(windowMs / bucketsPerWindow);
  return { widthMs, count: Math.ceil(windowMs / widthMs) };
}

/**
 * A fold over a rolling window in buckets. An event counts from its time until its bucket falls out, which is
 * between 59/60 of the window and the window later; buckets begin at multiples of their width since 1970, so the
 * answer at an instant follows from the events alone.
 */
export interface RollingFold {
  readonly fold: TraitFold<Bucket[]>;
  /** When the value may next change without an event, after this instant. */
  readonly changesAfter: (state: Bucket[], atMs: number) => number;
}

export function rolling(inner: TraitFold<unknown>, windowMs: number): RollingFold {
  const { widthMs, count } = bucketsOf(windowMs);
  const isLive = (bucket: Bucket, atMs: number): boolean => bucket[0] > Math.floor(atMs / widthMs) - count;
  // Nobody asks for an instant before the newest event, so what has fallen out by then never counts again.
  const pruned = (buckets: Bucket[]): Bucket[] => {
    const oldest = (buckets.at(-1)?.[0] ?? 0) - count + 1;
    return (buckets[0]?.[0] ?? oldest) < oldest ? buckets.filter(([number]) => number >= oldest) : buckets;
  };
  return {
    fold: {
      empty: () => [],
      add: (buckets, occurrence) => {
        const bucket = bucketAt(buckets, Math.floor(occurrence.atMs / widthMs), inner);
        bucket[1] = inner.add(bucket[1], occurrence);
        return pruned(buckets);
      },
      merge: (left, right) => {
        const merged = new Map(left);
        for (const [number, state] of right) {
          const known = merged.get(number);
          merged.set(number, known === undefined ? state : inner.merge(known, state));
        }
        return pruned([...merged].sort((one, other) => one[0] - other[0]));
      },
      read: (buckets, atMs) => {
        let merged: unknown;
        for (const bucket of buckets) {
          if (isLive(bucket, atMs))
            merged = merged === undefined ? bucket[1] : inner.merge(merged, bucket[1]);
        }
        return inner.read(merged === undefined ? inner.empty() : merged, atMs);
      },
    },
    changesAfter: (buckets, atMs) => {
      const oldestLive = buckets.find((bucket) => isLive(bucket, atMs));
      return oldestLive === undefined ? never : (oldestLive[0] + count) * widthMs;
    },
  };
}

/** The bucket of a number, made where it is missing; buckets stand in order. */
function bucketAt(buckets: Bucket[], number: number, inner: TraitFold<unknown>): Bucket {
  let i = buckets.length;
  while (i > 0 && (buckets[i - 1]?.[0] ?? 0) > number) i--;
  const known = buckets[i - 1];
  if (known?.[0] === number) return known;
  const made: Bucket = [number, inner.empty()];
  buckets.splice(i, 0, made);
  return made;
}
