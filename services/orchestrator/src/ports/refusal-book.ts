import type { Refusals } from '../domain/subscriptions.js';

/** What mailboxes refused, whoever has them. Mailboxes stand under a keyed hash: the book holds no address. */
export interface RefusalBook {
  /** The key under which an address stands, the same for all ways to write it. */
  keyOf(address: string): string;
  of(mailbox: string): Promise<Refusals>;
  /** Adds refusals; resolves when they are durable. Adding again, or in another order, changes nothing. */
  add(mailbox: string, refusals: Refusals): Promise<void>;
}
