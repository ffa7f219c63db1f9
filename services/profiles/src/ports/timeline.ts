import type { AcceptedEvent, EventType, Trust } from '@rapport/contracts';
import type { Origin } from '@rapport/kernel';

/** Where a record stands in `events.identified.v1`, or an event in `events.accepted.v1`. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** An event that wants its place in the timeline. */
export interface TimelineClaim {
  readonly origin: Origin;
  readonly messageId: string;
  readonly trust?: Trust | undefined;
  readonly atMs: number;
  readonly type: EventType;
  /** The whole event as it came. */
  readonly json: Uint8Array;
  /** The record that is to fold it. */
  readonly claim: Place;
  readonly acceptedAt: Place;
}

/** Whose place it is: ours from now on, or whose it was before. */
export type ClaimAnswer =
  { readonly kind: 'taken' } | { readonly kind: 'held'; readonly claim: Place; readonly acceptedAt: Place };

/** The order of a timeline: event time, then message id, then origin. */
export interface TimelinePoint {
  readonly atMs: number;
  readonly messageId: string;
  readonly origin: Origin;
}

export interface TimelineEntry extends TimelinePoint {
  readonly event: AcceptedEvent;
  /** The record that folded it, or is about to. */
  readonly claim: Place;
}

export interface TimelineRange {
  /** Inclusive. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  /** Only what comes after this point in the direction asked for. */
  readonly after?: TimelinePoint;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/**
 * Every event once, by `(origin, messageId)`: what deduplication and stories are made of. What came with a browser key
 * is known apart from what came with a server key, so that nobody takes the place of an event that is still to come.
 */
export interface Timeline {
  /** One answer per claim, in order. The same event twice: the first has it. Resolves when durable. */
  claim(claims: readonly TimelineClaim[]): Promise<readonly ClaimAnswer[]>;
  /** Takes places back whose events could not be folded. */
  release(claims: readonly TimelineClaim[]): Promise<void>;
  /** Entries of one origin in order. */
  read(origin: Origin, range: TimelineRange): Promise<readonly TimelineEntry[]>;
}
