import type { RejectedEvent } from '@rapport/contracts';

/** A rejected event and its place in the rejected topic, written `partition-offset`. */
export interface ArchivedRejection {
  readonly id: string;
  readonly rejection: RejectedEvent;
}

/** Which ones are asked for. */
export interface RejectedFilter {
  readonly limit: number;
  readonly code?: string | undefined;
  readonly stage?: string | undefined;
}

/** What is still kept of what was rejected. */
export interface RejectedArchive {
  /** The newest first. The same refusal (`placeOf` and stage) that was written again is there once. */
  newest(filter: RejectedFilter): Promise<readonly ArchivedRejection[]>;
  /** Undefined for an id that is not one, or whose record has gone by retention. */
  find(id: string): Promise<ArchivedRejection | undefined>;
}
