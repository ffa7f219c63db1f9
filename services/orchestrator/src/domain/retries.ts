import type { Random } from '@rapport/kernel';

/** The wait before the second try, at most; it doubles with each. */
const firstWaitMs = 5_000;
/** The longest wait: after an outage everything goes out within it. */
const longestWaitMs = 900_000;

/** A try that did not work. */
export interface TriedInVain {
  /** Tries so far, this one included. */
  readonly attempts: number;
  readonly nowMs: number;
  /** The first instant at which it was waited with. */
  readonly sinceMs: number;
  /** For how long it is tried. */
  readonly forMs: number;
  /** What the other side asked to wait. */
  readonly retryAfterMs?: number;
}

/**
 * When to try again; undefined when it has been tried for long enough. The wait doubles up to 15 minutes and is drawn
 * from its upper half, so that what failed together does not come back together ("equal jitter"). What the other side
 * asks for is kept to. The last try is at the very end of the time.
 */
export function nextTryMs(tried: TriedInVain, random: Random): number | undefined {
  const { attempts, nowMs, sinceMs, forMs, retryAfterMs = 0 } = tried;
  const lastMs = sinceMs + forMs;
  if (nowMs >= lastMs) return undefined;
  const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempts - 1, 30));
  const drawnMs = Math.ceil(waitMs * (0.5 + random() / 2));
  return Math.min(lastMs, nowMs + Math.max(drawnMs, retryAfterMs));
}
