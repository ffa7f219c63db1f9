import { nextTurn, requestsFirst } from '@rapport/kernel';

/**
 * When a batch may begin: requests that somebody waits for go first, and however many partitions have batches ready,
 * sockets and timers are looked at between any two of them.
 */
export class EventLoopTurns {
  /** Batches of one partition begin at least `paceMs` apart, unless one was full. */
  constructor(readonly paceMs: number) {}

  async next(): Promise<void> {
    await requestsFirst();
    await nextTurn();
  }
}
