import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@rapport/contracts';
import { accepted, epochMs } from '../fixtures/events.js';
import { profileEventOf } from './profile-event.js';
import {
  foldTraits,
  mergeTraits,
  mostTraits,
  traitsRemoved,
  traitsShown,
  type TraitEntry,
} from './traits.js';

const fold = (entries: TraitEntry[], traits: JsonObject, ms = 0, messageId = `m${ms}`): TraitEntry[] => {
  const event = profileEventOf(accepted({ type: 'identify', traits, atMs: epochMs + ms, messageId }));
  if (event !== undefined) foldTraits(entries, event);
  return entries;
};

describe('traits', () => {
  it('keep value, source, time and message id of the newest event', () => {
    const entries = fold(fold([], { plan: 'gold' }, 10, 'new'), { plan: 'silver', city: 'Ulm' }, 5, 'old');
    expect(traitsShown(entries)).toEqual({
      plan: { value: 'gold', source: 'web', at: new Date(epochMs + 10).toISOString(), messageId: 'new' },
      city: { value: 'Ulm', source: 'web', at: new Date(epochMs + 5).toISOString(), messageId: 'old' },
    });
  });

  it('go by message id where instants are the same', () => {
    expect(traitsShown(fold(fold([], { plan: 'b' }, 1, 'b'), { plan: 'a' }, 1, 'a'))['plan']?.value).toBe(
      'b',
    );
  });

  it('of several origins are the newest of each', () => {
    const merged = mergeTraits([fold([], { plan: 'gold', a: 1 }, 1), fold([], { plan: 'silver', b: 2 }, 2)]);
    expect(Object.entries(traitsShown(merged)).map(([name, { value }]) => [name, value])).toEqual([
      ['a', 1],
      ['b', 2],
      ['plan', 'silver'],
    ]);
  });

  it('that were taken back stay so against what is older', () => {
    expect(traitsShown(fold(fold([], { plan: null }, 5), { plan: 'gold' }, 1))).toEqual({});
  });

  it('that were taken back are named until they are said again', () => {
    const entries = fold(fold([], { plan: 'gold', email: 'a@x.com' }, 1), { plan: null, email: null }, 5);
    expect(traitsRemoved(entries)).toEqual(['email', 'plan']);
    expect(traitsRemoved(fold(entries, { email: 'b@x.com' }, 6))).toEqual(['plan']);
    // Of several origins the newest word counts.
    expect(traitsRemoved(mergeTraits([entries, fold([], { plan: 'silver' }, 7)]))).toEqual([]);
    expect(traitsRemoved(mergeTraits([entries, fold([], { plan: 'silver' }, 4)]))).toEqual(['plan']);
  });

  it('that are too long are left out, and so are too many: those set last are kept', () => {
    const entries = fold([], { long: 'x'.repeat(3_000), list: Array.from({ length: 2_000 }, () => 'x') });
    expect(entries).toEqual([]);
    for (let ms = 0; ms <= mostTraits + 4; ms++) fold(entries, { [`t${ms}`]: ms }, ms);
    expect([
      entries.length,
      entries.some(([name]) => name === 't4'),
      entries.some(([name]) => name === 't5'),
    ]).toEqual([mostTraits, false, true]);
  });

  it('may have any name', () => {
    const shown = traitsShown(fold([], JSON.parse('{"__proto__":1,"constructor":2,"a.b":3}') as JsonObject));
    expect(Object.keys(shown).sort()).toEqual(['__proto__', 'a.b', 'constructor']);
  });
});
