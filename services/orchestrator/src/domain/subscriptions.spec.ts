import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import type { ProfileId } from '@rapport/kernel';
import { mailTactic, playbook, tactic } from '../fixtures/definitions.js';
import type { Person } from './person.js';
import { mergeRefusals, noRefusals, refusalBySubscription, refusalsChosen } from './subscriptions.js';
import { readTactics, type Tactic } from './tactics.js';

const book = readTactics(
  playbook({
    tactics: [
      mailTactic('asks', { consent: 'marketing' }),
      (({ consent: _none, ...free }) => free)(mailTactic('free')),
      tactic('shown'),
    ],
  }),
);
const of = (name: string): Tactic => book.byName.get(name) as Tactic;
const person = (granted?: boolean, chosenAtMs?: number): Person => ({
  profileId: 'p_ada' as ProfileId,
  version: 1,
  identifiers: [],
  traits: {},
  removedTraits: new Set(),
  computedTraits: {},
  segments: new Set(),
  consent: granted === undefined ? {} : { marketing: granted },
  chosenAtMs: chosenAtMs === undefined ? {} : { marketing: chosenAtMs },
  timezone: 'UTC',
});
const refused = { marketing: 1000 };

describe('a subscription', () => {
  it.each<[string, string, Person, object, string | undefined]>([
    ['asks for a yes', 'asks', person(), noRefusals, 'consent to marketing was never given'],
    ['ends with a no', 'asks', person(false, 1), noRefusals, 'consent to marketing was refused'],
    ['stands by a yes', 'asks', person(true), noRefusals, undefined],
    ['without consent stands until a no', 'free', person(), noRefusals, undefined],
    ['without consent ends with a no', 'free', person(false), noRefusals, 'unsubscribed from marketing'],
    ['ends for all who have the address', 'asks', person(true), refused, 'its address unsubscribed'],
    ['without consent does too', 'free', person(), refused, 'its address unsubscribed'],
    [
      'is not brought back by what a device carries',
      'asks',
      person(true),
      refused,
      'its address unsubscribed',
    ],
    ['is not brought back by an older yes', 'asks', person(true, 999), refused, 'its address unsubscribed'],
    ['is not brought back by a yes of that instant', 'asks', person(true, 1000), refused, 'its address'],
    ['is brought back by a later yes', 'asks', person(true, 1001), refused, undefined],
    ['without consent too', 'free', person(true, 1001), refused, undefined],
    ['of another purpose is not touched', 'asks', person(true), { news: 1000 }, undefined],
    ['is not asked for what is shown on a page', 'shown', person(false), refused, undefined],
  ])('%s', (_, name, somebody, refusals, expected) => {
    const why = refusalBySubscription(of(name), somebody, refusals as typeof noRefusals);
    if (expected === undefined) expect(why).toBeUndefined();
    else expect(why).toContain(expected);
  });

  test('a mailbox refuses the same whatever order refusals come in, and however often', () => {
    const refusals = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(50));
    fc.assert(
      fc.property(
        fc
          .array(refusals, { maxLength: 8 })
          .chain((all) =>
            fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })),
          ),
        ([all, shuffled]) => {
          expect(shuffled.reduce(mergeRefusals, noRefusals)).toEqual(all.reduce(mergeRefusals, noRefusals));
        },
      ),
    );
  });

  it('is refused for a mailbox by choices only, not by the state of a device', () => {
    const at = '2026-11-01T00:00:00.000Z';
    expect(
      refusalsChosen({
        carried: { granted: false, at },
        chosen: { granted: false, at, chosen: true },
        granted: { granted: true, at, chosen: true },
      }),
    ).toEqual({ chosen: Date.parse(at) });
  });
});
