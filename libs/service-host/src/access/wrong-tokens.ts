import { addressGroup } from '../client-address.js';

/** Wrong tokens that an address may send before it is slowed down. */
const freeTries = 10;
const firstPauseS = 1;
const longestPauseS = 60;
/** An address that was silent for so long starts anew. */
const forgetMs = 600_000;

interface Address {
  tries: number;
  lastMs: number;
  closedUntilMs: number;
}

/**
 * Slows down who tries tokens, by address: after ten wrong ones, each further one closes the address for wrong ones, for
 * 1 s, 2 s, 4 s … up to a minute. A good token of the same address is never asked to wait: behind one gateway all
 * clients have one address, and whoever sends nonsense there must not shut out the others. What keeps tokens from being
 * guessed is their length; this keeps the noise down.
 */
export class WrongTokens {
  readonly #addresses = new Map<string, Address>();

  constructor(
    readonly now: () => number = () => performance.now(),
    readonly maxAddresses = 10_000,
  ) {}

  get size(): number {
    return this.#addresses.size;
  }

  /** Notes a wrong token; answers how many seconds its sender must wait, 0 while it is still told plainly. */
  note(address: string): { readonly waitS: number; readonly quiet: boolean } {
    const nowMs = this.now();
    const key = addressGroup(address);
    const known = this.#addresses.get(key);
    // The one that was silent longest is the first of the map.
    this.#addresses.delete(key);
    const entry: Address =
      known === undefined || nowMs - known.lastMs > forgetMs
        ? { tries: 0, lastMs: nowMs, closedUntilMs: -Infinity }
        : known;
    this.#addresses.set(key, entry);
    if (this.#addresses.size > this.maxAddresses) {
      const [oldest] = this.#addresses.keys();
      if (oldest !== undefined) this.#addresses.delete(oldest);
    }
    entry.lastMs = nowMs;
    if (nowMs < entry.closedUntilMs)
      return { waitS: Math.ceil((entry.closedUntilMs - nowMs) / 1000), quiet: true };
    entry.tries++;
    if (entry.tries <= freeTries) return { waitS: 0, quiet: false };
    const waitS = Math.min(longestPauseS, firstPauseS * 2 ** (entry.tries - freeTries - 1));
    entry.closedUntilMs = nowMs + waitS * 1000;
    return { waitS, quiet: false };
  }
}
