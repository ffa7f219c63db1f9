import { nextTurn, requestsFirst } from '@rapport/kernel';

/**
 * Hands out turns of the event loop, one caller each, first come first served: however many partitions have
 * batches ready, requests that somebody waits for go first, and sockets and timers are looked at between any two of them, and between them and other long work.
 */
export class EventLoopTurns {
  /** Batches of one partition begin at least `paceMs` apart, unless one was full. */
  constructor(readonly paceMs: number) {}

  async next(): Promise<void> {
    await requestsFirst();
    await nextTurn();
  }
}
