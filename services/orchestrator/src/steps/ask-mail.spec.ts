import { describe, expect, it } from '@jest/globals';
import type { ProfileId } from '@rapport/kernel';
import type { Person } from '../domain/person.js';
import { readTactics, type Tactic } from '../domain/tactics.js';
import { mailTactic, playbook } from '../fixtures/definitions.js';
import { createAskMail } from './ask-mail.js';

const tactic = readTactics(playbook({ tactics: [mailTactic('news')] })).byName.get('news') as Tactic;
const ada: Person = {
  profileId: 'p_ada' as ProfileId,
  version: 1,
  identifiers: ['user_id:ada', 'email:ada@example.com'],
  traits: {},
  removedTraits: new Set(),
  computedTraits: {},
  segments: new Set(),
  consent: { email_marketing: true },
  chosenAtMs: {},
  timezone: 'UTC',
};
const said = (value: string): Person['traits'] => ({
  email: { value, source: 's', at: '', messageId: 'm' },
});
const ask = createAskMail({
  people: { isUnlinked: async (_, address) => Promise.resolve(address === 'lost@example.com') },
  refusals: {
    keyOf: (address) => address.toLowerCase(),
    of: async (mailbox) => Promise.resolve(mailbox === 'shared@example.com' ? { email_marketing: 1000 } : {}),
  },
});

describe('a mail about to go', () => {
  it.each<[string, Person, string, string | undefined]>([
    ['goes while nothing changed', ada, 'Ada@Example.com', undefined],
    [
      'goes to an address that another was said beside',
      { ...ada, traits: said('new@example.com') },
      'ada@example.com',
      undefined,
    ],
    [
      'stays once consent was taken back',
      { ...ada, consent: { email_marketing: false } },
      'ada@example.com',
      'no_consent',
    ],
    [
      'stays once the address was taken back',
      { ...ada, removedTraits: new Set(['email']) },
      'ada@example.com',
      'address_gone',
    ],
    [
      'stays where the address is somebody else’s now',
      { ...ada, identifiers: ['email:b@example.com'] },
      'ada@example.com',
      'address_gone',
    ],
    [
      'stays where an operator took the address away',
      { ...ada, traits: said('lost@example.com') },
      'lost@example.com',
      'address_gone',
    ],
    [
      'stays where the mailbox refused',
      { ...ada, traits: said('shared@example.com') },
      'shared@example.com',
      'no_consent',
    ],
    [
      'goes where the person said yes after that',
      { ...ada, traits: said('shared@example.com'), chosenAtMs: { email_marketing: 2000 } },
      'shared@example.com',
      undefined,
    ],
  ])('%s', async (_, person, to, reason) => {
    expect((await ask(tactic, person, to))?.reason).toBe(reason);
  });
});
