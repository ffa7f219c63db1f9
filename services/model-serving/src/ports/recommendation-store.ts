import type { CountDelta, PartitionCounts } from '../domain/recommendations/partition-counts.js';
import type { RecentItems } from '../domain/recommendations/recent-items.js';

/** What is kept of one person: the last items, and the profile version up to which they are complete. */
export interface PersonItems {
  readonly recent: RecentItems;
  readonly version: number;
}

/** A person's items with what the next write has to name. */
export interface StoredPersonItems extends PersonItems {
  readonly storedVersion: number;
}

/** Where the recommender keeps what a restart needs. */
export interface RecommendationStore {
  /** One partition's counts: its stored shards, and the deltas that came after them. */
  load(partition: number): Promise<PartitionCounts>;
  /** Writes down what a batch adds, durably. Throws MODELS_BUSY when another worker wrote at this offset. */
  append(delta: CountDelta): Promise<void>;
  /** Stores what changed since the last time, then drops the deltas that are contained in it. */
  checkpoint(partition: number, counts: PartitionCounts): Promise<void>;
  persons(profileIds: readonly string[]): Promise<readonly (StoredPersonItems | undefined)[]>;
  /** Throws MODELS_BUSY when one was changed by another worker since it was read. */
  savePersons(
    persons: readonly {
      readonly profileId: string;
      readonly items: PersonItems;
      readonly storedVersion: number;
    }[],
  ): Promise<void>;
}
