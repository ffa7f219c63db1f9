import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '@rapport/kernel';
import { nextTryMs } from './retries.js';

const day = 86_400_000;

describe('tries of a message that is not taken', () => {
  it('go on for as long as is configured, the last at its very end, never sooner than was asked', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 0, max: 3 * day }),
        fc.array(fc.option(fc.integer({ min: 0, max: 2 * day }), { nil: undefined }), { maxLength: 20 }),
        (seed, forMs, asked) => {
          const random = seededRandom(seed);
          const sinceMs = 1_000_000;
          let nowMs = sinceMs;
          for (let attempts = 1; ; attempts++) {
            const retryAfterMs = asked[attempts - 1];
            const tried = { attempts, nowMs, sinceMs, forMs };
            const next = nextTryMs(retryAfterMs === undefined ? tried : { ...tried, retryAfterMs }, random);
            if (next === undefined) break;
            const waitMs = next - nowMs;
            if (next < sinceMs + forMs) {
              expect(waitMs).toBeGreaterThanOrEqual(Math.max(2_500, retryAfterMs ?? 0));
              expect(waitMs).toBeLessThanOrEqual(Math.max(900_000, retryAfterMs ?? 0));
            }
            nowMs = next;
          }
          expect(nowMs).toBe(sinceMs + forMs);
        },
      ),
    );
  });

  it('that failed at one instant do not all come back at one', () => {
    const random = seededRandom(1);
    const tried = { attempts: 4, nowMs: 0, sinceMs: 0, forMs: day };
    const times = new Set(Array.from({ length: 100 }, () => nextTryMs(tried, random)));
    expect(times.size).toBeGreaterThan(90);
  });
});
