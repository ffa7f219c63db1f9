import type { Arrival } from './accept-event.js';

/** The events of one request, as parsed JSON. */
export interface Arrivals {
  readonly events: readonly unknown[];
  readonly arrival: Arrival;
  /** The most that one event may have, as JSON. */
  readonly maxEventBytes: number;
  /** Bytes of all events together, or more; where they are few no event needs measuring. */
  readonly totalBytes: number;
  /** A replay: what is refused again stands in the rejected topic already. */
  readonly replayed?: true;
}
