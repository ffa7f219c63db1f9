import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { isPoison, RapportError, sparing } from './index.js';

describe('isPoison', () => {
  it.each([
    ['a bug', new TypeError('x is not a function'), true],
    ['a number out of range', new RangeError('The number Infinity cannot be converted to a BigInt'), true],
    ['text that is no JSON', new SyntaxError('Unexpected token'), true],
    ['what a store cannot key', new RapportError('DOCUMENT_ID_INVALID', 'invalid', ''), true],
    ['what the log cannot take', new RapportError('EVENT_LOG_RECORD_TOO_LARGE', 'too_large', ''), true],
    ['an engine that is away', new RapportError('EVENT_LOG_UNREACHABLE', 'unavailable', ''), false],
    ['an engine that is full', new RapportError('DOCUMENT_STORE_OVERLOADED', 'exhausted', ''), false],
    ['a race that was lost', new RapportError('PROFILES_WRITE_CONFLICT', 'conflict', ''), false],
    ['a disk that lies', new RapportError('DOCUMENT_STORE_CORRUPT', 'internal', ''), false],
    ['what a driver throws', new Error('ECONNRESET'), false],
    ['what Node throws', Object.assign(new TypeError('bad port'), { code: 'ERR_SOCKET_BAD_PORT' }), false],
    ['a network', new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }), false],
    ['memory that ran out', new RangeError('Array buffer allocation failed'), false],
    ['something else', 'no', false],
  ])('%s', (_what, thrown, expected) => expect(isPoison(thrown)).toBe(expected));
});

describe('sparing', () => {
  it('finds all that are to blame and works on all others, whichever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), async (spoilt) => {
        const done = new Set<number>();
        const blamed: number[] = [];
        await sparing(
          [...spoilt.keys()],
          async (some) => {
            if (some.some((one) => spoilt[one] === true)) throw new RangeError('spoilt');
            for (const one of some) done.add(one);
          },
          async (one) => void blamed.push(one),
        );
        expect(blamed).toEqual([...spoilt.keys()].filter((one) => spoilt[one] === true));
        expect([...done]).toEqual([...spoilt.keys()].filter((one) => spoilt[one] === false));
      }),
    );
  });

  it('throws on what is no fault of theirs, and blames nobody', async () => {
    const blame = async (): Promise<never> => Promise.reject(new Error('nobody is to blame'));
    const work = async (): Promise<never> => Promise.reject(new Error('away'));
    await expect(sparing([1, 2], work, blame)).rejects.toThrow('away');
  });
});
