import { nextTurn } from '@rapport/kernel';

/**
 * Hands out turns of the event loop, one caller each, first come first served: however many partitions have
 * batches ready, sockets and timers are looked at between any two of them, and between them and other long work.
 */
export class EventLoopTurns {
  next(): Promise<void> {
    return nextTurn();
  }
}
