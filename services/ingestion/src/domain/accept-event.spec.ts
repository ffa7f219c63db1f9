import { describe, expect, it } from '@jest/globals';
import { blockedValueRule } from '@rapport/kernel';
import type { JsonObject } from '@rapport/contracts';
import { acceptEvent, readMessageId, type Arrival, type RawEvent } from './accept-event.js';
import { Refused } from './json-fields.js';

const receivedAtMs = Date.UTC(2026, 10, 22, 12, 0, 6);
const arrival = (more: Partial<Arrival> = {}): Arrival => ({
  source: 'web',
  receivedAtMs,
  receivedAt: new Date(receivedAtMs).toISOString(),
  sentAt: undefined,
  type: undefined,
  context: undefined,
  clientIp: undefined,
  ...more,
});
const rules = {
  isBlocked: blockedValueRule({ blockedValues: ['Walk-In'] }),
  violationOf: () => undefined,
  browserExternalIds: new Set(['ga_client_id']),
};
const accept = (raw: RawEvent, more: Partial<Arrival> = {}) => acceptEvent(raw, 'm1', arrival(more), rules);
const accepted = (raw: RawEvent, more: Partial<Arrival> = {}) => {
  const event = accept(raw, more);
  if (event instanceof Refused) throw new Error(`${event.code}: ${event.detail}`);
  return event;
};
const codeOf = (raw: RawEvent, more: Partial<Arrival> = {}) => {
  const event = accept(raw, more);
  return event instanceof Refused ? event.code : 'accepted';
};
const track = { type: 'track', event: 'Product Viewed', userId: 'u1' };

describe('whose event it is', () => {
  it('files an event under the account, also on a known device', () => {
    expect(accepted({ ...track, anonymousId: 'a1' })).toMatchObject({
      origin: 'user_id:u1',
      identifiers: ['user_id:u1', 'anonymous_id:a1'],
    });
  });

  it('files it under the device where no account is known', () => {
    expect(accepted({ ...track, userId: undefined, anonymousId: 'a1' }).origin).toBe('anonymous_id:a1');
  });

  it('takes an external id or an address where there is nothing else', () => {
    const externalIds = [{ id: 'X9', type: 'ios.idfa', collection: 'users', encoding: 'none' }];
    expect(accepted({ ...track, userId: null, context: { externalIds } }).origin).toBe('ios_idfa:X9');
    expect(accepted({ type: 'identify', traits: { email: ' Ada@Example.com ' } }).origin).toBe(
      'email:ada@example.com',
    );
  });

  it('leaves out external ids of accounts, and doubles', () => {
    const externalIds = [
      { id: 'acme', type: 'account_id', collection: 'accounts' },
      { id: 'u1', type: 'user_id', collection: 'users' },
      { id: 7, type: 'crm', collection: 'users' },
    ];
    expect(accepted({ ...track, context: { externalIds } }).identifiers).toEqual(['user_id:u1', 'crm:7']);
  });

  it('reads the address of context.traits on every call, and of traits on identify alone', () => {
    const context = { traits: { email: 'ADA@example.com' } };
    expect(accepted({ ...track, context }).identifiers).toEqual(['user_id:u1', 'email:ada@example.com']);
    expect(
      accepted({ type: 'group', userId: 'u1', groupId: 'g', traits: { email: 'office@acme.example' } })
        .identifiers,
    ).toEqual(['user_id:u1']);
  });

  it('writes numbers out, trims, and refuses numbers that JSON has rounded', () => {
    expect(accepted({ ...track, userId: 17850 }).origin).toBe('user_id:17850');
    expect(accepted({ ...track, userId: '  u1 ' }).origin).toBe('user_id:u1');
    expect(codeOf({ ...track, userId: 2 ** 53 })).toBe('INGESTION_ID_INVALID');
  });

  it('refuses ids that nobody can keep', () => {
    expect(codeOf({ ...track, userId: 'x'.repeat(493) })).toBe('INGESTION_ID_INVALID');
    expect(codeOf({ ...track, userId: 'a\u0000b' })).toBe('INGESTION_ID_INVALID');
    expect(codeOf({ ...track, userId: 'cut within 😀'.slice(0, -1) })).toBe('INGESTION_ID_INVALID');
    expect(codeOf({ ...track, userId: 'whole 😀' })).toBe('accepted');
    expect(readMessageId({ messageId: '😀'.slice(1) })).toMatchObject({ code: 'INGESTION_ID_INVALID' });
    expect(
      accepted({ ...track, type: 'identify', traits: { email: 'ada\ud83d@example.com' } }).identifiers,
    ).toEqual(['user_id:u1']);
    expect(codeOf({ ...track, userId: { id: 1 } })).toBe('INGESTION_FIELD_TYPE');
    expect(codeOf({ ...track, anonymousId: true })).toBe('INGESTION_FIELD_TYPE');
  });

  it.each([
    'null',
    'undefined',
    '"null"',
    'NaN',
    '0',
    '[object Object]',
    'ANONYMOUS',
    'walk-in',
    '00000000-0000-0000-0000-000000000000',
  ])('leaves out %j, and refuses an event that has nothing else', (nobody) => {
    expect(accepted({ ...track, userId: nobody, anonymousId: 'a1' }).identifiers).toEqual([
      'anonymous_id:a1',
    ]);
    expect(codeOf({ ...track, userId: nobody })).toBe('INGESTION_ID_BLOCKED');
  });

  it('says so when there is no id at all', () => {
    expect(codeOf({ type: 'track', event: 'x' })).toBe('INGESTION_ID_MISSING');
    expect(codeOf({ type: 'track', event: 'x', userId: ' ', anonymousId: null })).toBe(
      'INGESTION_ID_MISSING',
    );
  });

  it('refuses more identifiers than an honest event has', () => {
    const externalIds = Array.from({ length: 21 }, (_, id) => ({ id: `x${id}`, type: 'crm' }));
    expect(codeOf({ ...track, context: { externalIds } })).toBe('INGESTION_ID_TOO_MANY');
  });

  it('reads the previous id of an alias as a device', () => {
    expect(accepted({ type: 'alias', userId: 'u1', previousId: 'a0' })).toMatchObject({
      origin: 'user_id:u1',
      previous: 'anonymous_id:a0',
    });
    expect(codeOf({ type: 'alias', userId: 'u1' })).toBe('INGESTION_FIELD_MISSING');
    expect(codeOf({ type: 'alias', anonymousId: 'a1', previousId: 'a0' })).toBe('INGESTION_FIELD_MISSING');
    expect(codeOf({ type: 'alias', userId: 'u1', previousId: 'null' })).toBe('INGESTION_ID_BLOCKED');
  });
});

describe('when it happened', () => {
  it('is corrected by the client’s own sentAt', () => {
    const event = accepted({
      ...track,
      timestamp: '2026-11-22T10:00:00.000Z',
      sentAt: '2026-11-22T10:00:05.000Z',
    });
    expect(event).toMatchObject({
      timestamp: '2026-11-22T12:00:01.000Z',
      originalTimestamp: '2026-11-22T10:00:00.000Z',
      sentAt: '2026-11-22T10:00:05.000Z',
      receivedAt: '2026-11-22T12:00:06.000Z',
    });
  });

  it('takes sentAt of the batch where the event has none', () => {
    const event = accepted(
      { ...track, timestamp: '2026-11-22T10:00:00Z' },
      { sentAt: '2026-11-22T10:00:05Z' },
    );
    expect(event.timestamp).toBe('2026-11-22T12:00:01.000Z');
  });

  it('is the client’s instant without sentAt, and the server’s without an instant', () => {
    expect(accepted({ ...track, timestamp: '2026-11-22T10:00:00Z' }).timestamp).toBe(
      '2026-11-22T10:00:00.000Z',
    );
    expect(accepted(track, { sentAt: '2026-11-22T10:00:05Z' }).timestamp).toBe('2026-11-22T12:00:06.000Z');
    expect(accepted(track)).not.toHaveProperty('originalTimestamp');
  });

  it('ignores a sentAt that cannot be read', () => {
    expect(accepted({ ...track, timestamp: '2026-11-22T10:00:00Z', sentAt: 'now' }).timestamp).toBe(
      '2026-11-22T10:00:00.000Z',
    );
  });

  it('refuses what cannot be read or cannot be true', () => {
    expect(codeOf({ ...track, timestamp: 'yesterday' })).toBe('INGESTION_TIMESTAMP_INVALID');
    expect(codeOf({ ...track, timestamp: 1763800000 })).toBe('INGESTION_TIMESTAMP_INVALID');
    expect(codeOf({ ...track, timestamp: '1970-01-01T00:00:00Z' })).toBe('INGESTION_TIMESTAMP_RANGE');
    expect(codeOf({ ...track, timestamp: '2026-11-23T12:00:06.001Z' })).toBe('INGESTION_TIMESTAMP_RANGE');
    expect(codeOf({ ...track, timestamp: '2026-11-23T12:00:06.000Z' })).toBe('accepted');
    expect(codeOf({ ...track, timestamp: '2010-12-01T08:26:00Z' })).toBe('accepted');
  });
});

describe('what each call needs', () => {
  it.each<[string, RawEvent, string]>([
    ['no type', { userId: 'u' }, 'INGESTION_TYPE_UNKNOWN'],
    ['a type nobody knows', { type: 'delete', userId: 'u' }, 'INGESTION_TYPE_UNKNOWN'],
    ['a prototype’s name as type', { type: '__proto__', userId: 'u' }, 'INGESTION_TYPE_UNKNOWN'],
    ['a track without event', { type: 'track', userId: 'u' }, 'INGESTION_FIELD_MISSING'],
    ['a track with a number as event', { type: 'track', userId: 'u', event: 7 }, 'INGESTION_FIELD_TYPE'],
    ['properties as text', { ...track, properties: 'red' }, 'INGESTION_FIELD_TYPE'],
    ['properties as a list', { ...track, properties: [] }, 'INGESTION_FIELD_TYPE'],
    ['traits as a number', { type: 'identify', userId: 'u', traits: 7 }, 'INGESTION_FIELD_TYPE'],
    ['context as text', { ...track, context: 'web' }, 'INGESTION_FIELD_TYPE'],
    ['external ids that are no list', { ...track, context: { externalIds: 'x' } }, 'INGESTION_FIELD_TYPE'],
    [
      'an external id without a usable type',
      { ...track, context: { externalIds: [{ id: 'x', type: '7' }] } },
      'INGESTION_FIELD_TYPE',
    ],
    ['a group without groupId', { type: 'group', userId: 'u' }, 'INGESTION_FIELD_MISSING'],
    ['a page with an object as name', { type: 'page', userId: 'u', name: {} }, 'INGESTION_FIELD_TYPE'],
  ])('refuses %s', (_, raw, code) => {
    expect(codeOf(raw)).toBe(code);
  });

  it('says what was expected and what came', () => {
    const refused = accept({ ...track, properties: [] });
    expect(refused).toMatchObject({
      code: 'INGESTION_FIELD_TYPE',
      detail: 'properties: expected an object; got an array',
    });
  });

  it('refuses what nests deeper than stores take', () => {
    const nested = (levels: number): JsonObject => (levels === 0 ? {} : { a: nested(levels - 1) });
    expect(codeOf({ ...track, properties: nested(31) })).toBe('accepted');
    expect(codeOf({ ...track, properties: nested(32) })).toBe('INGESTION_EVENT_TOO_DEEP');
    expect(codeOf({ ...track, context: { list: [[nested(40)]] } })).toBe('INGESTION_EVENT_TOO_DEEP');
  });

  it('gives old event names their present ones', () => {
    expect(accepted({ ...track, event: 'Viewed Product' }).event).toBe('Product Viewed');
    expect(accepted({ ...track, event: 'Completed Order' }).event).toBe('Order Completed');
    expect(accepted({ ...track, event: 'Something Else' }).event).toBe('Something Else');
  });

  it('goes by the route where the route names the type', () => {
    expect(accepted({ userId: 'u', event: 'x', type: 'identify' }, { type: 'track' }).type).toBe('track');
  });

  it('puts the context of the batch under that of the event', () => {
    const context = { library: { name: 'batch' }, locale: 'de-AT' };
    expect(accepted({ ...track, context: { locale: 'en-GB' } }, { context }).context).toEqual({
      library: { name: 'batch' },
      locale: 'en-GB',
    });
    expect(accepted(track, { context }).context).toEqual(context);
  });

  it('adds the address of a browser, unless the event says one', () => {
    expect(accepted(track, { clientIp: '192.0.2.7' }).context).toEqual({ ip: '192.0.2.7' });
    expect(accepted({ ...track, context: { ip: '0.0.0.0' } }, { clientIp: '192.0.2.7' }).context).toEqual({
      ip: '0.0.0.0',
    });
  });

  it('keeps nothing that the form does not have', () => {
    const event = accepted({
      ...track,
      integrations: { All: true },
      writeKey: 'secret',
      _metadata: {},
      properties: null,
    });
    expect(Object.keys(event).sort()).toEqual([
      'event',
      'identifiers',
      'messageId',
      'origin',
      'receivedAt',
      'source',
      'timestamp',
      'type',
    ]);
  });
});
