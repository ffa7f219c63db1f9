const dayMs = 86_400_000;

/** Popularity, popularity by segment and co-visitation fade over a month: a shop's assortment changes that slowly. */
export const lastingHalfLifeMs = 30 * dayMs;
/** What is trending shows against the last day. */
export const recentHalfLifeMs = dayMs;

/** Weights stay below 2^200: far from where doubles end, also after sums of many. */
const maxExponent = 200;

/**
 * Counts that fade: something that happened at t weighs 2^((t - landmark) / halfLife), and a sum is read at an instant
 * by scaling it back. So a count is one number, adding is one addition, counts of one landmark compare as they are,
 * and nothing has to be touched as time passes ("forward decay", Cormode and others, ICDE 2009).
 */
export class Fading {
  #readMs = NaN;
  #scale = NaN;

  constructor(
    readonly halfLifeMs: number,
    public landmarkMs = 0,
  ) {}

  /** Whether the landmark has to move before something that happened then can be added. */
  needsNewLandmark(atMs: number): boolean {
    return (atMs - this.landmarkMs) / this.halfLifeMs > maxExponent;
  }

  /** Moves the landmark up to an instant by whole half-lives; answers the factor (a power of two, so exact) for all counts. */
  moveLandmark(atMs: number): number {
    const halfLives = Math.floor((atMs - this.landmarkMs) / this.halfLifeMs);
    this.landmarkMs += halfLives * this.halfLifeMs;
    this.#readMs = NaN;
    return 2 ** -halfLives;
  }

  /** What one occurrence adds to a count. */
  weightAt(atMs: number): number {
    return 2 ** ((atMs - this.landmarkMs) / this.halfLifeMs);
  }

  /** What a count is multiplied by to read it at an instant. */
  scaleAt(nowMs: number): number {
    if (nowMs !== this.#readMs) {
      this.#readMs = nowMs;
      this.#scale = 2 ** (-(nowMs - this.landmarkMs) / this.halfLifeMs);
    }
    return this.#scale;
  }
}
