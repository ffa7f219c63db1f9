import type { IdentifiedEvent, PlacedRecord, ProfileChange } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';

/** What this room tells others. All of it resolves when it is durable. */
export interface ChangeFeed {
  publish(changes: readonly ProfileChange[]): Promise<void>;
  /** Passes events on to the workers of the profiles that they belong to now. */
  forward(events: readonly { readonly owner: ProfileId; readonly event: IdentifiedEvent }[]): Promise<void>;
  /** Records of `events.identified.v1` in a partition with offsets in (after, upTo]. */
  identified(partition: number, after: number, upTo: number): Promise<readonly PlacedRecord[]>;
  partitionOf(profileId: ProfileId): number;
}
