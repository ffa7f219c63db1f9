import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '@rapport/kernel';
import { Capacity } from './capacity.js';
import { messageIdsFrom } from './message-ids.js';
import { parseJson } from './parse-json.js';
import { verdictsAsJson, type Verdict } from './verdicts.js';
import { WriteKeys } from './write-keys.js';

const keys = new WriteKeys(new Map([['abc123', 'web']]), (text) =>
  Buffer.from(text, 'base64').toString('utf8'),
);
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('write keys', () => {
  it('reads the vector of the Segment documentation, twice', () => {
    expect(keys.sourceOfHeader('Basic YWJjMTIzOg==')).toEqual({ source: 'web' });
    expect(keys.sourceOfHeader('Basic YWJjMTIzOg==')).toEqual({ source: 'web' });
  });

  it('tolerates a missing colon, and ignores a password', () => {
    expect(keys.sourceOfHeader(basic('abc123'))).toEqual({ source: 'web' });
    expect(keys.sourceOfHeader(basic('abc123:secret'))).toEqual({ source: 'web' });
  });

  it('leaves the body to say it with Bearer or without a header', () => {
    expect(keys.sourceOfHeader(undefined)).toBe('absent');
    expect(keys.sourceOfHeader('Bearer anything')).toBe('absent');
  });

  it('does not take a wrong key or a header it cannot read for an absent one', () => {
    expect(keys.sourceOfHeader(basic('wrong:'))).toBe('unknown');
    expect(keys.sourceOfHeader('Digest x')).toBe('unknown');
    expect(keys.sourceOfHeader('Basic')).toBe('unknown');
  });
});

describe('capacity', () => {
  it('is never exceeded, and comes back whole', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.record({ admit: fc.integer({ min: 0, max: 5000 }) }), fc.constant('release' as const)),
          { maxLength: 200 },
        ),
        (steps) => {
          const capacity = new Capacity(20_000, 8);
          const inside: number[] = [];
          for (const step of steps) {
            if (step === 'release') {
              const weight = inside.pop();
              if (weight !== undefined) capacity.release(weight);
            } else {
              const weight = capacity.admit(step.admit);
              if (weight > 0) inside.push(weight);
            }
            expect(capacity.requests).toBe(inside.length);
            expect(capacity.requests).toBeLessThanOrEqual(8);
            expect(capacity.bytes).toBeLessThanOrEqual(20_000);
          }
          for (const weight of inside) capacity.release(weight);
          expect(capacity.bytes).toBe(0);
        },
      ),
    );
  });

  it('lets one request in however large it is', () => {
    const capacity = new Capacity(1000, 8);
    expect(capacity.admit(5000)).toBe(5000);
    expect(capacity.admit(1)).toBe(0);
  });
});

describe('JSON', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(
        // Prototype keys are left out: the next test.
        fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__')),
        (value) => expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });

  it.each([
    '{"__proto__":{"admin":true},"a":1}',
    '{"\\u005f_proto__":{"admin":true},"a":1}',
    '{"\\u005F\\u005fproto\\u005f_":{"admin":true},"a":1}',
  ])('loses its prototype keys: %s', (text) => {
    const parsed = parseJson(text) as object;
    expect(Object.keys(parsed)).toEqual(['a']);
    expect({ ...parsed }).toEqual({ a: 1 });
  });

  it('throws on what is no JSON', () => {
    expect(() => parseJson('{"a":')).toThrow(SyntaxError);
  });
});

describe('verdicts', () => {
  it('are written as JSON.stringify would', () => {
    const verdict = fc.oneof(
      fc.record({ messageId: fc.string(), accepted: fc.constant(true) }),
      fc.record({
        messageId: fc.string(),
        accepted: fc.constant(false),
        code: fc.constant('INGESTION_ID_MISSING' as const),
        detail: fc.string(),
      }),
    );
    fc.assert(
      fc.property(fc.array(verdict), (verdicts: readonly Verdict[]) => {
        const success = verdicts.every(({ accepted }) => accepted);
        expect(JSON.parse(verdictsAsJson(verdicts))).toEqual({ success, results: verdicts });
      }),
    );
  });
});

describe('message ids', () => {
  it('are UUIDs, differ, and repeat with the seed', () => {
    const make = messageIdsFrom(seededRandom(1));
    const ids = Array.from({ length: 1000 }, make);
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(messageIdsFrom(seededRandom(1))()).toBe(ids[0]);
  });
});
