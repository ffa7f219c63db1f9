import { describe, expect, it } from '@jest/globals';
import { consentsShown, foldConsents, type ConsentEntry } from './consents.js';
import { accepted, epochMs, type EventParts } from '../fixtures/events.js';
import { profileEventOf } from './profile-event.js';

const after = (...events: readonly EventParts[]): Record<string, boolean> => {
  const entries: ConsentEntry[] = [];
  for (const parts of events) {
    const event = profileEventOf(accepted(parts));
    if (event !== undefined) foldConsents(entries, event);
  }
  return Object.fromEntries(
    Object.entries(consentsShown(entries)).map(([purpose, { granted }]) => [purpose, granted]),
  );
};
const carrying = (preferences: Readonly<Record<string, boolean>>, parts: EventParts = {}): EventParts => ({
  event: 'Any',
  context: { consent: { categoryPreferences: preferences } },
  ...parts,
});

describe('consent', () => {
  it('is what events carry, the newest by event time', () => {
    expect(
      after(carrying({ marketing: true }, { atMs: epochMs + 5 }), carrying({ marketing: false })),
    ).toEqual({ marketing: true });
  });

  it('is what the person chose, whatever devices go on carrying', () => {
    const chosen: EventParts = {
      event: 'Consent Revoked',
      properties: { purpose: 'marketing' },
      atMs: epochMs + 1,
    };
    expect(
      after(carrying({ marketing: true }), chosen, carrying({ marketing: true }, { atMs: epochMs + 9 })),
    ).toEqual({ marketing: false });
  });

  it.each<[string, EventParts, Record<string, boolean>]>([
    [
      "Segment's preference update",
      carrying({ ads: true, mail: false }, { event: 'Segment Consent Preference Updated' }),
      { ads: true, mail: false },
    ],
    [
      'a grant of several purposes',
      { event: 'Consent Granted', properties: { purposes: ['ads', 'mail'] } },
      { ads: true, mail: true },
    ],
    ['a withdrawal', { event: 'Consent Withdrawn', properties: { purpose: 'ads' } }, { ads: false }],
    ['an unsubscription without a purpose', { event: 'Unsubscribed' }, { marketing: false }],
    [
      'an unsubscription from a purpose',
      { event: 'Unsubscribed', properties: { purpose: 'news' } },
      { news: false },
    ],
    ['a trait of an identify call', { type: 'identify', traits: { consent: { ads: true } } }, { ads: true }],
    ['a grant without a purpose', { event: 'Consent Granted' }, {}],
    ['values that are no yes or no', { type: 'identify', traits: { consent: { ads: 'yes' } } }, {}],
  ])('understands %s', (_, parts, expected) => {
    expect(after(parts)).toEqual(expected);
  });

  it('says whether the person chose it or a device only carried it', () => {
    const entries: ConsentEntry[] = [];
    for (const parts of [
      carrying({ ads: true, mail: true }),
      { event: 'Consent Granted', properties: { purpose: 'mail' }, atMs: epochMs + 1 },
    ]) {
      const event = profileEventOf(accepted(parts));
      if (event !== undefined) foldConsents(entries, event);
    }
    const shown = consentsShown(entries);
    expect([shown['ads']?.chosen, shown['mail']?.chosen]).toEqual([undefined, true]);
  });

  it('keeps the fifty purposes answered last', () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      carrying({ [`p${String(index).padStart(2, '0')}`]: true }, { atMs: epochMs + index }),
    );
    const kept = Object.keys(after(...many));
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([50, 'p10', 'p59']);
    expect(Object.keys(after(...many.toReversed()))).toEqual(kept);
  });
});
