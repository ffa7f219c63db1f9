import type { AcceptedEvent } from '@rapport/contracts';

/** An event as the folds see it: its times read once, its label found once. */
export interface ProfileEvent {
  readonly record: AcceptedEvent;
  /** When it happened. Never after it was received: a clock that runs ahead cannot put an event into the future. */
  readonly atMs: number;
  /** When the door took it in: the instant at which rules see it. */
  readonly receivedMs: number;
  /** The name that filters ask for: a track's event, a page's or screen's name. */
  readonly label: string | undefined;
}

/** Reads the times of an event, which are instants. */
export function profileEventOf(record: AcceptedEvent): ProfileEvent {
  const receivedMs = Date.parse(record.receivedAt);
  const happenedMs = Date.parse(record.timestamp);
  return {
    record,
    atMs: Math.min(happenedMs, receivedMs),
    receivedMs,
    label: record.type === 'track' ? record.event : record.name,
  };
}

/** The total order in which facts replace each other: by the time of the event, then by its id. */
export function isNewer(atMs: number, id: string, thanAtMs: number, thanId: string): boolean {
  return atMs > thanAtMs || (atMs === thanAtMs && id > thanId);
}
