import type { AcceptedEvent } from '@rapport/contracts';

/** A record of `events.accepted.v1` that was read. */
export interface AcceptedRecord<From> {
  readonly record: From;
  readonly event: AcceptedEvent;
  /** Event time, milliseconds since the epoch. */
  readonly atMs: number;
}
