import { setTimeout as wait } from 'node:timers/promises';
import { RapportError } from '@rapport/kernel';
import type { HttpDoor } from '../platform/http-door.js';
import { isWorkedIn, type Landmark } from './landmark.js';

const lookEveryMs = 500;
const tellEveryMs = 5_000;
/** Longer than any import that was measured; what is acknowledged is safe, whoever waits for it. */
const patienceMs = 600_000;

/**
 * Waits until a running platform has the newest landmarks in its timelines and says that nothing lags behind. False
 * when that takes too long. A platform that is away meanwhile is waited for.
 */
export async function awaitWorkedIn(
  http: HttpDoor,
  landmarks: readonly Landmark[],
  stopped: AbortSignal,
): Promise<boolean> {
  let missing = landmarks;
  for (const deadlineMs = performance.now() + patienceMs; performance.now() < deadlineMs;) {
    try {
      const there = await Promise.all(missing.map((landmark) => isWorkedIn(http, landmark)));
      missing = missing.filter((_, index) => there[index] !== true);
      if (missing.length === 0 && (await lagOf(http)) === 0) return true;
    } catch (thrown) {
      if (!(thrown instanceof RapportError) || thrown.status !== 'unavailable') throw thrown;
    }
    await wait(lookEveryMs, undefined, { signal: stopped });
  }
  return false;
}

/** 0 also where the platform does not tell. */
async function lagOf(http: HttpDoor): Promise<number> {
  const { lag } = await http.get<{ lag?: unknown }>('/v1/status');
  return typeof lag === 'number' ? lag : 0;
}

/** Says every few seconds how much is still to be worked in, while something else goes on. */
export async function whileTelling<T>(
  http: HttpDoor,
  say: (text: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const telling = setInterval(() => {
    lagOf(http).then(
      (lag) => void (lag > 0 ? say(`${lag.toLocaleString('en-US')} records to go`) : undefined),
      () => undefined,
    );
  }, tellEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(telling);
  }
}
