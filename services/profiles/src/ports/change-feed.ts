import type { IdentifiedEvent, ProfileChange, RejectedEvent } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';

/** A record as it stands in its partition of the log. */
export interface PlacedRecord {
  readonly offset: number;
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** What this room tells others. All of it resolves when it is durable. */
export interface ChangeFeed {
  publish(changes: readonly ProfileChange[]): Promise<void>;
  /** Passes events on to the workers of the profiles that they belong to now. */
  forward(events: readonly { readonly owner: ProfileId; readonly event: IdentifiedEvent }[]): Promise<void>;
  reject(events: readonly { readonly key: string; readonly event: RejectedEvent }[]): Promise<void>;
  /** Records of `events.identified.v1` in a partition with offsets in (after, upTo]. */
  identified(partition: number, after: number, upTo: number): Promise<readonly PlacedRecord[]>;
  partitionOf(profileId: ProfileId): number;
}
