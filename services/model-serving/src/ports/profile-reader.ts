import type { FeatureValues } from '../domain/feature-rows.js';

/** One person's features; `found` is false for a person who was never seen. */
export interface PersonFeatures {
  readonly found: boolean;
  readonly values: FeatureValues;
}

/** What the recommender asks about a person. */
export interface PersonSketch {
  readonly profileId: string;
  readonly segments: readonly string[];
}

/** The profiles, as far as models need them. */
export interface ProfileReader {
  /** One row per person, in order, with the named features that the person has. */
  features(persons: readonly string[], names: readonly string[]): Promise<readonly PersonFeatures[]>;
  /** Undefined for a person who was never seen. */
  sketch(person: string): Promise<PersonSketch | undefined>;
}
