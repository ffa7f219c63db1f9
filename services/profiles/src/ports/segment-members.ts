import type { ProfileId } from '@rapport/kernel';

/** That a person is in a segment, or no longer. */
export interface Membership {
  readonly segment: string;
  readonly profileId: ProfileId;
  /** Undefined: not in it. */
  readonly sinceMs: number | undefined;
}

/** Who is in which segment, by segment. Follows the people's own documents. */
export interface SegmentMembers {
  set(memberships: readonly Membership[]): Promise<void>;
  /** Members by profile id, in pages. */
  list(segment: string, after: ProfileId | undefined, limit: number): Promise<readonly ProfileId[]>;
  /** How many are in each of these segments. */
  counts(segments: readonly string[]): Promise<ReadonlyMap<string, number>>;
}
