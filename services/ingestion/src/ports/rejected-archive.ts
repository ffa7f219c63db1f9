import type { RejectedEvent } from '@rapport/contracts';

/** A rejected event and its place in the rejected topic, written `partition-offset`. */
export interface ArchivedRejection {
  readonly id: string;
  readonly rejection: RejectedEvent;
}

/** What is still kept of the rejected events. */
export interface RejectedArchive {
  /** The newest first; only one code where given. */
  newest(limit: number, code: string | undefined): Promise<readonly ArchivedRejection[]>;
  /** Undefined for an id that is not one, or whose record has gone by retention. */
  find(id: string): Promise<ArchivedRejection | undefined>;
}
