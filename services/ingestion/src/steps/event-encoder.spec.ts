import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AcceptedEvent, EventType, JsonObject } from '@rapport/contracts';
import { identifier } from '@rapport/kernel';
import { EventEncoder } from './event-encoder.js';

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('a"b', 'a\\b', 'Zürich', '日本', '\u2028', '\ud800'),
);
const id = text.map((value) => identifier('user_id', value));
const json = fc.dictionary(text, fc.jsonValue()) as fc.Arbitrary<JsonObject>;
const instant = fc.constantFrom('2026-11-22T10:00:00.000Z', '2026-11-22 10:00+01:00');
const event: fc.Arbitrary<AcceptedEvent> = fc
  .record(
    {
      type: fc.constantFrom<EventType>('track', 'identify', 'page', 'screen', 'group', 'alias'),
      messageId: text,
      identifiers: fc.array(id, { minLength: 1, maxLength: 4 }),
      timestamp: instant,
      receivedAt: instant,
      source: text,
      originalTimestamp: instant,
      sentAt: instant,
      event: text,
      name: text,
      category: text,
      groupId: text,
      previous: id,
      properties: json,
      traits: json,
      context: json,
    },
    { requiredKeys: ['type', 'messageId', 'identifiers', 'timestamp', 'receivedAt', 'source'] },
  )
  .map((fields) => ({ ...fields, origin: fields.identifiers[0] ?? identifier('user_id', '') }));

describe('the event encoder', () => {
  it('writes what JSON.stringify writes, whatever came before and comes after', () => {
    const encoder = new EventEncoder();
    const earlier: { bytes: Buffer; event: AcceptedEvent }[] = [];
    fc.assert(
      fc.property(event, (one) => {
        earlier.push({ bytes: encoder.encode(one), event: one });
        expect(JSON.parse(earlier.at(-1)?.bytes.toString('utf8') ?? '')).toEqual(
          JSON.parse(JSON.stringify(one)),
        );
      }),
      { numRuns: 500 },
    );
    for (const { bytes, event: one } of earlier)
      expect(JSON.parse(bytes.toString('utf8'))).toEqual(JSON.parse(JSON.stringify(one)));
  });

  it('takes events larger than a piece of its memory', () => {
    const encoder = new EventEncoder();
    const large = {
      type: 'track',
      messageId: 'm',
      origin: 'o',
      identifiers: ['o'],
      timestamp: 't',
      receivedAt: 'r',
      source: 's',
      properties: { note: 'ü'.repeat(200_000) },
    } as unknown;
    const bytes = encoder.encode(large as AcceptedEvent);
    encoder.encode({ ...(large as AcceptedEvent), properties: {} });
    expect(JSON.parse(bytes.toString('utf8'))).toEqual(large);
  });
});
