import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import {
  bucketOf,
  drop,
  keyBytes,
  maxKeyBytes,
  parseDuration,
  parseIdentifier,
  partsOf,
  pass,
  profileIdOf,
  reject,
  retry,
  runBatch,
  seededRandom,
  VirtualClock,
} from './index.js';

describe('bucketOf', () => {
  // Vectors of GrowthBook's public SDK test cases for hashing version 2.
  it.each([
    ['seed', 'a', 0.0505],
    ['foo', 'ab', 0.2575],
  ])('puts %s/%s at %f', (seed, unit, expected) => expect(bucketOf(seed, unit)).toBe(expected));

  it('spreads units evenly', () => {
    const inTenth = Array.from({ length: 20_000 }, (_, i) => bucketOf('holdout:x', `p_${i}`)).filter(
      (b) => b < 0.1,
    ).length;
    expect(Math.abs(inTenth / 20_000 - 0.1)).toBeLessThan(0.01);
  });
});

describe('identifiers', () => {
  it('reads what a person writes and keeps colons in values', () => {
    expect(parseIdentifier('email:Ada@Example.com')).toBe('email:ada@example.com');
    expect(partsOf(parseIdentifier('user_id:a:b'))).toEqual({ type: 'user_id', value: 'a:b' });
  });

  it.each(['', 'ada', ':x', 'user_id:', 'User:1', `x:${'y'.repeat(499)}`, 'email: '])(
    'refuses %j and says what it expected',
    (text) => {
      expect(() => parseIdentifier(text)).toThrow(/expected a person written type:value/);
    },
  );

  it('takes what every store can key, in bytes of any width, and nothing longer', () => {
    const widths = fc.constantFrom('a', 'é', 'İ', '漢', '😀', '"');
    fc.assert(
      fc.property(
        fc.constantFrom('user_id', 'email', 'a'.repeat(32)),
        widths,
        fc.integer({ min: -4, max: 4 }),
        (type, one, off) => {
          const kept = type === 'email' ? one.toLowerCase() : one;
          const room = maxKeyBytes - type.length - 1;
          const times = Math.floor(room / keyBytes(kept)) + off;
          const text = `${type}:${one.repeat(times)}`;
          if (off > 0) expect(() => parseIdentifier(text)).toThrow(/at most 500 bytes/);
          else expect(keyBytes(parseIdentifier(text))).toBeLessThanOrEqual(maxKeyBytes);
        },
      ),
    );
  });

  it('gives the same person the same id', () => {
    expect(profileIdOf(parseIdentifier('user_id:1'))).toBe(profileIdOf(parseIdentifier('user_id:1')));
    expect(profileIdOf(parseIdentifier('user_id:1'))).not.toBe(profileIdOf(parseIdentifier('user_id:2')));
  });
});

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));
  it.each(['7', 'd', '-1d', '7 d', '1y'])('refuses %j', (text) =>
    expect(() => parseDuration(text)).toThrow(/with a unit/),
  );
});

describe('clock and randomness', () => {
  it('never goes back', () => {
    const clock = new VirtualClock(10);
    clock.advanceTo(5);
    expect(clock.now()).toBe(10);
    clock.advanceTo(20);
    expect(clock.now()).toBe(20);
  });
  it('repeats from a seed', () => {
    const [a, b] = [seededRandom(7), seededRandom(7)];
    expect(Array.from({ length: 5 }, a)).toEqual(Array.from({ length: 5 }, b));
  });
});

describe('runBatch', () => {
  const quick = { attempts: 3, firstDelayMs: 1, sleep: async () => undefined };

  it('accounts for every input, whatever the step says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('pass', 'drop', 'reject', 'retry', 'retry-once')),
        async (kinds) => {
          const tries = new Map<number, number>();
          const inputs = kinds.map((kind, index) => ({ kind, index }));
          const report = await runBatch(
            'stage',
            (batch: readonly { kind: string; index: number }[]) =>
              batch.map(({ kind, index }) => {
                const n = (tries.get(index) ?? 0) + 1;
                tries.set(index, n);
                if (kind === 'pass' || (kind === 'retry-once' && n > 1)) return pass(index);
                if (kind === 'drop') return drop('seen');
                if (kind === 'reject') return reject('STAGE_BAD', 'bad');
                return retry('busy');
              }),
            inputs,
            quick,
          );
          expect(report.passed.length + report.dropped.length + report.refused.length).toBe(inputs.length);
          expect(report.passed).toEqual(
            inputs.filter(({ kind }) => kind === 'pass' || kind === 'retry-once').map(({ index }) => index),
          );
          for (const { input, code } of report.refused) {
            expect(code).toBe(input.kind === 'retry' ? 'STAGE_RETRIES_EXHAUSTED' : 'STAGE_BAD');
          }
        },
      ),
    );
  });

  it('lets what the step throws through: the batch was not done', async () => {
    await expect(
      runBatch('stage', () => Promise.reject(new Error('store is gone')), [1], quick),
    ).rejects.toThrow('store is gone');
  });
});
