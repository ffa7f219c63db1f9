import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '@rapport/kernel';
import { Capacity, type CapacityLimits, type Stay } from './capacity.js';
import { EventRates } from './event-rates.js';
import { messageIdsFrom } from './message-ids.js';
import { parseJson } from './parse-json.js';
import { verdictsAsJson, type Verdict } from './verdicts.js';
import { WriteKeys, type WriteKey } from './write-keys.js';

const keys = new WriteKeys(new Map([['abc123', { source: 'web', kind: 'browser' as const }]]), (text) =>
  Buffer.from(text, 'base64').toString('utf8'),
);
const web = { key: 'abc123', source: 'web', kind: 'browser' };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('write keys', () => {
  it('reads the vector of the Segment documentation, twice', () => {
    expect(keys.inHeader('Basic YWJjMTIzOg==')).toEqual(web);
    expect(keys.inHeader('Basic YWJjMTIzOg==')).toEqual(web);
  });

  it('tolerates a missing colon, and ignores a password', () => {
    expect(keys.inHeader(basic('abc123'))).toEqual(web);
    expect(keys.inHeader(basic('abc123:secret'))).toEqual(web);
  });

  it('leaves the body to say it with Bearer or without a header', () => {
    expect(keys.inHeader(undefined)).toBe('absent');
    expect(keys.inHeader('Bearer anything')).toBe('absent');
  });

  it('does not take a wrong key or a header it cannot read for an absent one', () => {
    expect(keys.inHeader(basic('wrong:'))).toBe('unknown');
    expect(keys.inHeader('Digest x')).toBe('unknown');
    expect(keys.inHeader('Basic')).toBe('unknown');
  });
});

const server = (key: string): WriteKey => ({ key, source: key, kind: 'server' });
const browser = (key: string): WriteKey => ({ key, source: key, kind: 'browser' });

describe('capacity', () => {
  const limits: CapacityLimits = {
    keyed: { bytes: 40_000, requests: 16 },
    perKey: { bytes: 20_000, requests: 8 },
    perAddress: { bytes: 6_000, requests: 3 },
    keyless: { bytes: 10_000, requests: 5 },
  };
  const who = fc.record({
    key: fc.constantFrom(undefined, server('s1'), server('s2'), browser('b1'), browser('b2')),
    address: fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8', '9'),
  });

  it('is not exceeded beyond the one that is alone, for nobody, and comes back whole', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ who, bytes: fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 4 }) }),
            fc.constant('leave' as const),
          ),
          { maxLength: 200 },
        ),
        (steps) => {
          const capacity = new Capacity(limits);
          const inside: { stay: Stay; key: WriteKey | undefined; place: string }[] = [];
          const count = (is: (one: (typeof inside)[number]) => boolean): number => inside.filter(is).length;
          for (const step of steps) {
            if (step === 'leave') {
              const left = inside.shift()?.stay;
              left?.leave();
              left?.leave();
            } else {
              const { key, address } = step.who;
              const stay = capacity.admit(key, address);
              if (stay === undefined) continue;
              inside.push({ stay, key, place: `${key?.key ?? ''} ${address}` });
              for (const bytes of step.bytes) stay.grow(bytes);
            }
            expect(capacity.requests).toBe(inside.length);
            expect(capacity.bytes).toBeLessThanOrEqual(50_000);
            expect(count(({ key }) => key !== undefined)).toBeLessThanOrEqual(16);
            expect(count(({ key }) => key === undefined)).toBeLessThanOrEqual(5);
            expect(count(({ key }) => key?.kind === 'browser')).toBeLessThanOrEqual(8);
            for (const { key, place } of inside) {
              expect(count((one) => one.key?.key === key?.key)).toBeLessThanOrEqual(8);
              if (key?.kind !== 'server') expect(count((one) => one.place === place)).toBeLessThanOrEqual(3);
            }
          }
          for (const { stay } of inside) stay.leave();
          expect([capacity.bytes, capacity.requests]).toEqual([0, 0]);
        },
      ),
    );
  });

  it('leaves a server key its room, whatever strangers hold: without a key, or with browser keys, from anywhere', () => {
    fc.assert(
      fc.property(
        // No body is larger than what a key may have.
        fc.array(fc.tuple(who, fc.integer({ min: 0, max: limits.perKey.bytes })), { maxLength: 100 }),
        (strangers) => {
          const capacity = new Capacity(limits);
          for (const [{ key, address }, bytes] of strangers)
            if (key?.kind !== 'server') capacity.admit(key, address)?.grow(bytes);
          const ours = Array.from({ length: 8 }, () => capacity.admit(server('s1'), '1'));
          expect(ours.map((stay) => stay?.grow(2000))).toEqual(ours.map(() => true));
        },
      ),
    );
  });

  it('leaves an address its room, whatever others hold without a key within what all of them may', () => {
    const capacity = new Capacity(limits);
    for (let request = 0; request < 20; request++) capacity.admit(undefined, '1')?.grow(1_000);
    expect(capacity.requests).toBe(3);
    expect(capacity.admit(undefined, '2')?.grow(2_000)).toBe(true);
  });

  it('counts what has arrived', () => {
    const capacity = new Capacity(limits);
    const stay = capacity.admit(server('s1'), '1');
    expect(capacity.bytes).toBe(1024);
    stay?.grow(1000);
    expect(capacity.bytes).toBe(1024);
    stay?.grow(1000);
    expect(capacity.bytes).toBe(2000);
  });

  it('lets one request in however large it is', () => {
    const capacity = new Capacity(limits);
    expect(capacity.admit(server('s1'), '1')?.grow(50_000)).toBe(true);
    expect(capacity.admit(server('s1'), '1')).toBeUndefined();
  });
});

describe('the rate of events', () => {
  it('holds over any time, whatever comes: never more than the burst, the rate, and the last request', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), events: fc.integer({ min: 0, max: 60 }) }),
          { maxLength: 100 },
        ),
        (requests) => {
          const rates = new EventRates({ perSecond: 50, burst: 20 });
          let [nowMs, taken, last] = [1_000, 0, 0];
          for (const { afterMs, events } of requests) {
            nowMs += afterMs;
            const waitMs = rates.take('who', events, nowMs);
            expect(taken - last).toBeLessThanOrEqual(20 + ((nowMs - 1_000) * 50) / 1000 + 1e-6);
            if (waitMs > 0) {
              expect(rates.take('another', 1, nowMs)).toBe(0);
              expect(rates.waitMs('who', nowMs + waitMs + 1e-6)).toBe(0);
            } else [taken, last] = [taken + events, events];
          }
        },
      ),
    );
  });

  it('lets any batch through after a pause, and forgets whose bucket is full', () => {
    const rates = new EventRates({ perSecond: 10, burst: 100 });
    expect(rates.take('who', 2_500, 0)).toBe(0);
    expect(rates.take('who', 1, 1_000)).toBeGreaterThan(200_000);
    expect(rates.take('other', 1, 260_000)).toBe(0);
    expect(rates.known).toBe(1);
    for (let who = 0; who < 30_000; who++) rates.take(`${who}`, 90, 260_001);
    expect(rates.known).toBe(20_000);
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
        accepted: fc.constant(true),
        ignored: fc.constant([{ code: 'INGESTION_BROWSER_CONSENT' as const, detail: 'ads: "x"' }]),
      }),
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
