const dayMs = 86_400_000;

/**
 * Counts that fade: something that happened at t weighs 2^((t - landmark) / halfLife), and a sum is read at an instant
 * by scaling it back. So a count is one number, adding is one addition, counts of one landmark compare as they are,
 * and nothing has to be touched as time passes ("forward decay", Cormode and others, ICDE 2009).
 */
export interface Fading {
  readonly halfLifeMs: number;
  landmarkMs: number;
}

/** Popularity, popularity by segment and co-visitation fade over a month: a shop's assortment changes that slowly. */
export const lastingHalfLifeMs = 30 * dayMs;
/** What is trending shows against the last day. */
export const recentHalfLifeMs = dayMs;

/** Weights stay below 2^200: far from where doubles end, also after sums of many. */
const maxExponent = 200;

/** Whether the landmark has to move before something that happened then can be added. */
export function needsNewLandmark(fading: Fading, atMs: number): boolean {
  return (atMs - fading.landmarkMs) / fading.halfLifeMs > maxExponent;
}

/** Moves the landmark up to an instant by whole half-lives; answers the factor (a power of two, so exact) for all counts. */
export function moveLandmark(fading: Fading, atMs: number): number {
  const halfLives = Math.floor((atMs - fading.landmarkMs) / fading.halfLifeMs);
  fading.landmarkMs += halfLives * fading.halfLifeMs;
  return 2 ** -halfLives;
}

/** What one occurrence adds to a count. */
export function weightAt(fading: Fading, atMs: number): number {
  return 2 ** ((atMs - fading.landmarkMs) / fading.halfLifeMs);
}

/** A count as it reads at an instant. Occurrences that lie ahead of it count as if they were now. */
export function readAt(fading: Fading, count: number, nowMs: number): number {
  return count * 2 ** (-(nowMs - fading.landmarkMs) / fading.halfLifeMs);
}
