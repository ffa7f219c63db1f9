import { describe, expect, it } from '@jest/globals';
import type { PersonAnswer, TimelineEvent } from './person-answer.js';
import { tellStory } from './story.js';

const person: PersonAnswer = {
  profileId: 'p_1',
  identifiers: [
    { type: 'user_id', value: '17850' },
    { type: 'email', value: 'ada@example.com' },
  ],
  traits: { plan: { value: 'pro', source: 'web', at: '2026-01-02T03:04:05.000Z', messageId: 'm' } },
  computedTraits: {
    orders_count: 2,
    revenue_total: 1234.5,
    last_category: null,
    views_7d: 0,
    adds_7d: 0,
    bought_products: ['a', 'b'],
  },
  segments: [{ name: 'big_spender', since: '2026-01-02T03:04:05.000Z' }],
  consent: { marketing: { granted: false, at: '2026-01-02T03:04:05.000Z', source: 'web' } },
  version: 3,
  firstSeen: '2010-12-01T08:26:00.000Z',
  lastSeen: '2010-12-02T08:26:00.000Z',
};

const order = (no: string, quantity: number): TimelineEvent => ({
  messageId: no,
  type: 'track',
  event: 'Order Completed',
  timestamp: '2010-12-01T08:26:00.000Z',
  source: 'file',
  origin: 'user_id:17850',
  properties: {
    order_id: no,
    revenue: 12.5,
    currency: 'GBP',
    products: [
      { product_id: 'a', name: 'LAMP', quantity, price: 2.5 },
      { product_id: 'b', quantity: 1, price: 1 },
      { product_id: 'c', name: 'CUP', quantity: 1, price: 1 },
    ],
  },
});

describe("a person's story", () => {
  it('names who, numbers with their titles, segments, traits with provenance, consent, products and events', () => {
    const story = tellStory({
      asked: 'user_id:17850',
      person,
      events: [order('2', 4), order('1', 6)],
      more: false,
      told: 1,
      playbook: undefined,
    });
    expect(story).toBe(`user_id:17850
═════════════
2 events, from 2010-12-01 08:26 to 2010-12-02 08:26. Profile p_1, version 3.

Ordered twice for 25.00 GBP, on 2010-12-01 08:26.

Known as
  user_id:17850
  email:ada@example.com

In numbers
  orders_count                         2
  revenue_total                        1,234.5
  bought_products                      a, b
  0: views_7d, adds_7d

Segments
  big_spender          big_spender, since 2026-01-02 03:04

Traits
  plan                 pro  (web, 2026-01-02 03:04)

Consent
  marketing            no, 2026-01-02 03:04, from web

Bought most
      10 × LAMP (a), in 2 orders, 25.00
       2 × b, in 2 orders, 2.00
       2 × CUP (c), in 2 orders, 2.00

The newest 1 of 2 events
  2010-12-01 08:26  Order Completed: no. 2, 12.50 GBP, 4 × LAMP, 1 × b and 1 more`);
  });

  it('says so where nothing is known', () => {
    const empty = { ...person, traits: {}, segments: [], consent: {}, computedTraits: {} };
    const story = tellStory({
      asked: 'p_1',
      person: empty,
      events: [],
      more: false,
      told: 5,
      playbook: undefined,
    });
    expect(story).toContain(
      'Segments: in none\n\nTraits: none were sent\n\nConsent: nothing was said, which counts as no\n\nEvents: none',
    );
  });
});
