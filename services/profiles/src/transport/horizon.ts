import { topics } from '@rapport/contracts';
import type { Consumer, EventLog } from '@rapport/event-log';

/** The group that reads accepted events before this room sees them. */
const identityGroup = 'identity';

export interface HorizonOptions {
  readonly log: EventLog;
  readonly consumer: () => Consumer | undefined;
  readonly now: () => number;
  readonly graceMs: number;
  /** Nothing was left in this room's topics. */
  readonly onCaughtUp: () => void;
}

/**
 * The instant up to which every event that was received has been applied: timers fire up to there, so that what
 * they decide does not depend on how far behind this room is. With nothing on the way it is the present, less a
 * grace for what the front door has in hand; otherwise it is the instant of the newest event that came through.
 */
export class Horizon {
  #newestReceivedMs = -Infinity;

  constructor(readonly options: HorizonOptions) {}

  received(receivedMs: number): void {
    if (receivedMs > this.#newestReceivedMs) this.#newestReceivedMs = receivedMs;
  }

  async instant(): Promise<number> {
    const { log, consumer, now, graceMs, onCaughtUp } = this.options;
    const lag = (await consumer()?.lag()) ?? 0;
    if (lag === 0) onCaughtUp();
    const behind = lag + (await log.groupLag(identityGroup, [topics.accepted.name]));
    const present = now() - graceMs;
    return behind === 0 ? present : Math.min(present, this.#newestReceivedMs - graceMs);
  }
}
