import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Trust } from '@rapport/contracts';
import type { Identifier } from '@rapport/kernel';
import { epochMs, origin, profileEvent, profileId, type EventParts } from '../fixtures/events.js';
import { playbookOf } from '../fixtures/playbooks.js';
import { compileDefinitions } from './compile-definitions.js';
import { mostPurposes } from './consents.js';
import { emptyOrigin, foldEvent, type OriginState } from './origin-state.js';
import { Person } from './person.js';
import { mostTraits } from './traits.js';
import { viewAt } from './view.js';

const definitions = compileDefinitions(playbookOf([], []));
const device = origin('phone');
const account = 'user_id:victim' as Identifier;
const address = 'email:victim@shop.example' as Identifier;

/** What a person looks like after events, in the order given. */
function shown(events: readonly EventParts[], members: readonly Identifier[]) {
  const states = new Map<Identifier, OriginState>();
  for (const parts of events) {
    const event = profileEvent(parts);
    const { origin } = event.record;
    const state = states.get(origin) ?? emptyOrigin(origin, definitions);
    states.set(origin, state);
    foldEvent(definitions, state, event);
  }
  const person = new Person(profileId('victim'), definitions);
  person.identifiers = members;
  person.holdOrigins(members.map((member) => ({ origin: member, version: 1, state: states.get(member) })));
  const { traits, consent } = viewAt(person, epochMs + 1_000_000);
  return {
    email: traits['email']?.value,
    traits: Object.fromEntries(Object.entries(traits).map(([name, { value }]) => [name, value])),
    consent: Object.fromEntries(Object.entries(consent).map(([purpose, { granted }]) => [purpose, granted])),
    chosen: Object.keys(consent).filter((purpose) => consent[purpose]?.chosen === true),
  };
}

const said = (from: Identifier, atMs: number, parts: EventParts, trust?: Trust): EventParts => ({
  origin: from,
  atMs: epochMs + atMs,
  messageId: `${from}-${atMs}`,
  ...parts,
  ...(trust === undefined ? {} : { trust }),
});
const email = (value: string | null): EventParts => ({ type: 'identify', traits: { email: value } });
const grant = (purpose = 'marketing'): EventParts => ({ event: 'Consent Granted', properties: { purpose } });
const withdraw = (purpose = 'marketing'): EventParts => ({
  event: 'Consent Revoked',
  properties: { purpose },
});
const carry = (granted: boolean): EventParts => ({
  event: 'Any',
  context: { consent: { categoryPreferences: { marketing: granted } } },
});

describe('what a browser key says', () => {
  it.each<[string, EventParts]>([
    ['a grant', grant()],
    ['a state that events carry', carry(true)],
    ['a preference update', { ...carry(true), event: 'Segment Consent Preference Updated' }],
    ['a trait of an identify call', { type: 'identify', traits: { consent: { marketing: true } } }],
  ])('grants an account nothing, by %s, about the account or about a device that it joined', (_, parts) => {
    for (const from of [account, device, address]) {
      expect(shown([said(from, 1, parts, 'browser')], [account, device, address]).consent).toEqual({});
    }
    expect(shown([said(device, 1, parts, 'browser')], [device]).consent).toEqual({ marketing: true });
  });

  it('grants nothing to whom a server knows by an identifier that anybody can name', () => {
    const crm = 'crm_id:77' as Identifier;
    const theirs = said(device, 1, grant(), 'browser');
    expect(shown([theirs], [crm, device]).consent).toEqual({ marketing: true });
    expect(shown([theirs], [crm, device, address]).consent).toEqual({});
    const told = said(crm, 2, { type: 'identify', traits: { plan: 'gold' } });
    expect(shown([theirs, told], [crm, device]).consent).toEqual({});
  });

  it('is no choice that lifts the refusal of a mailbox where it grants', () => {
    const granted = [
      said(device, 1, grant(), 'browser'),
      said(device, 2, email('victim@shop.example'), 'browser'),
    ];
    expect(shown(granted, [device])).toMatchObject({ consent: { marketing: true }, chosen: [] });
    expect(shown([said(device, 1, grant())], [device]).chosen).toEqual(['marketing']);
    expect(shown([said(device, 1, withdraw(), 'browser')], [device]).chosen).toEqual(['marketing']);
  });

  it('does not outweigh what a server key said about a purpose, and withdraws it', () => {
    const stopped = said(address, 1, withdraw());
    expect(shown([stopped, said(device, 2, grant(), 'browser')], [device, address]).consent).toEqual({
      marketing: false,
    });
    const granted = said(account, 1, grant());
    expect(shown([granted, said(device, 2, withdraw(), 'browser')], [account, device]).consent).toEqual({
      marketing: false,
    });
    const again = said(device, 3, grant(), 'browser');
    expect(
      shown([granted, said(device, 2, withdraw(), 'browser'), again], [account, device]).consent,
    ).toEqual({ marketing: false });
  });

  it('sets the address of an account only while no server key has named one', () => {
    const theirs = said(account, 9, email('eve@evil.example'), 'browser');
    expect(shown([theirs], [account]).email).toBe('eve@evil.example');
    expect(shown([said(account, 1, email('victim@shop.example')), theirs], [account]).email).toBe(
      'victim@shop.example',
    );
    // Taken back by a server is not the same as never said.
    expect(shown([said(account, 1, email(null)), theirs], [account]).email).toBeUndefined();
    // Named as an identifier, which only server keys can.
    expect(shown([theirs], [account, address]).email).toBeUndefined();
    expect(
      shown(
        [
          said(account, 1, { type: 'identify', traits: { plan: 'a' } }),
          said(account, 2, { type: 'identify', traits: { plan: 'b' } }, 'browser'),
        ],
        [account],
      ).traits,
    ).toEqual({ plan: 'b' });
  });

  it('pushes out nothing that a server key said, and no withdrawal', () => {
    const flood = Array.from({ length: mostTraits + 5 }, (_, index) =>
      said(account, 100 + index, { type: 'identify', traits: { [`t${index}`]: 1 } }, 'browser'),
    );
    expect(shown([said(account, 1, email('victim@shop.example')), ...flood], [account]).email).toBe(
      'victim@shop.example',
    );
    const withdrawn = Array.from({ length: mostPurposes + 5 }, (_, index) =>
      said(account, 100 + index, withdraw(`p${index}`), 'browser'),
    );
    const genuine = [said(account, 1, grant()), said(account, 50, withdraw(), 'browser')];
    expect(shown([...genuine, ...withdrawn], [account]).consent['marketing']).toBe(false);
    const regranted = said(account, 1_000, grant());
    expect(shown([...genuine, ...withdrawn, regranted], [account]).consent['marketing']).toBe(true);
  });

  const parts = fc.oneof(
    fc.constantFrom('marketing', 'ads').map(grant),
    fc.constantFrom('marketing', 'ads').map(withdraw),
    fc.boolean().map(carry),
    fc.constantFrom('one@shop.example', 'two@shop.example', null).map(email),
    // Many purposes and traits at once, so that their bounds are reached.
    fc.integer({ min: 0, max: 3 }).map((from): EventParts => ({
      event: 'Consent Revoked',
      properties: { purposes: Array.from({ length: 30 }, (_, index) => `p${from * 20 + index}`) },
    })),
    fc.integer({ min: 0, max: 3 }).map((from): EventParts => ({
      type: 'identify',
      traits: Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`t${from * 60 + index}`, from])),
    })),
  );
  const saying = fc
    .array(
      fc.record({
        parts,
        from: fc.constantFrom(account, device, address),
        trust: fc.constantFrom<Trust | undefined>('browser', undefined),
      }),
      { maxLength: 14 },
    )
    .map((list) => list.map(({ parts, from, trust }, index) => said(from, index + 1, parts, trust)));
  const members = fc.constantFrom<readonly Identifier[]>(
    [account, device, address],
    [account, device],
    [device, address],
    [device],
  );

  it('leads to the same, whatever came first and however often', () => {
    fc.assert(
      fc.property(
        saying.chain((events) =>
          fc.tuple(
            fc.constant(events),
            fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }),
          ),
        ),
        members,
        ([events, shuffled], members) => {
          expect(shown(shuffled, members)).toEqual(shown(events, members));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('never grants an account more, never moves its address, and is heard where it withdraws', () => {
    fc.assert(
      fc.property(saying, (events) => {
        const everybody = [account, device, address];
        const all = shown(events, everybody);
        const servers = shown(
          events.filter(({ trust }) => trust === undefined),
          everybody,
        );
        for (const [purpose, granted] of Object.entries(all.consent))
          if (granted) expect(servers.consent[purpose]).toBe(true);
        expect(all.email).toBe(servers.email);
        const last = said(device, 1_000, withdraw(), 'browser');
        expect(shown([...events, last], everybody).consent['marketing']).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});
