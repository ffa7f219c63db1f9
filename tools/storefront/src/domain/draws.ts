import { fnv1a32, seededRandom, type Random } from '@rapport/kernel';

/** Seeded draws of the kinds that people's lives are made of. */
export class Draws {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  unit(): number {
    return this.#random();
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.#random();
  }

  /** A whole number in [low, high]. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  pick<T>(list: readonly T[]): T {
    const chosen = list[Math.floor(this.#random() * list.length)];
    if (chosen === undefined)
      throw new Error('expected a list with at least one entry to pick from; it is empty');
    return chosen;
  }

  /** The index of a weight, with a probability proportional to it. */
  weighted(weights: readonly number[]): number {
    let left = this.#random() * weights.reduce((sum, weight) => sum + weight, 0);
    for (let index = 0; index < weights.length; index++) {
      left -= weights[index] ?? 0;
      if (left < 0) return index;
    }
    return weights.length - 1;
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }

  /** Poisson by multiplication of uniforms (Knuth); meant for means below 30. */
  poisson(mean: number): number {
    const limit = Math.exp(-mean);
    let product = this.#random();
    let count = 0;
    while (product > limit) {
      product *= this.#random();
      count++;
    }
    return count;
  }
}

/**
 * An independent stream for a purpose, found from its name alone. What one person does never shifts the draws of
 * another, so that the answers a person gets change that person's later reactions and nothing else.
 */
export function drawsFor(...purpose: readonly (string | number)[]): Draws {
  return new Draws(seededRandom(fnv1a32(purpose.join('|'))));
}
