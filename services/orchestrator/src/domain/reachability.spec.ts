import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import type { JsonValue } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import { isMailAddress, mailboxOf } from './mail-address.js';
import type { Person } from './person.js';
import { mailboxesOf, mailReachOf } from './reachability.js';

const person = (
  said: { readonly email?: JsonValue; readonly removed?: boolean },
  ...identifiers: string[]
): Person => ({
  profileId: 'p_ada' as ProfileId,
  version: 1,
  identifiers,
  traits:
    said.email === undefined ? {} : { email: { value: said.email, source: 's', at: '', messageId: 'm' } },
  removedTraits: new Set(said.removed === true ? ['email'] : []),
  computedTraits: {},
  segments: new Set(),
  consent: {},
  chosenAtMs: {},
  timezone: 'UTC',
});
const badOnes = [
  '@',
  'a@',
  '@x.com',
  'a@x.com, b@y.com',
  'a@x.com b@y.com',
  'Ada <a@x.com>',
  'a@x.com\r\nBcc: b@y.com',
  'a@x..com',
  'a b@x.com',
  'ä@x.com',
  `${'a'.repeat(65)}@x.com`,
  'a@-x.com',
];

describe('mail reaches somebody', () => {
  it.each<[string, Person, object]>([
    [
      'at the address that was said last',
      person({ email: ' a@x.com ' }, 'email:b@x.com'),
      { address: 'a@x.com' },
    ],
    [
      'at one that identifies, where none was said',
      person({}, 'user_id:1', 'email:b@x.com'),
      { address: 'b@x.com' },
    ],
    ['at the first of those that is one', person({}, 'email:@', 'email:b@x.com'), { address: 'b@x.com' }],
    ['nowhere where none is known', person({}, 'user_id:1'), { why: 'no e-mail address is known' }],
    [
      'nowhere once it was taken back, whatever identified before',
      person({ removed: true }, 'email:b@x.com'),
      { why: 'the e-mail address was taken back' },
    ],
    [
      'nowhere once it was emptied',
      person({ email: ' ' }, 'email:b@x.com'),
      { why: 'the e-mail address was taken back' },
    ],
    ...[...badOnes, 7, true, ['a@x.com'], { a: 1 }].map((email): [string, Person, object] => [
      `not by ${JSON.stringify(email).slice(0, 40)}`,
      person({ email }, 'email:b@x.com'),
      { why: 'what stands as e-mail address is not one valid address' },
    ]),
  ])('%s', (_, somebody, expected) => {
    expect(mailReachOf(somebody)).toEqual(expected);
  });

  test('an address never holds what could lead a mail elsewhere', () => {
    const pieces = fc.array(
      fc.constantFrom('a', '@', 'x.com', ',', ';', ' ', '<', '>', '\r\n', ':', '"', '(', '\\'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((all) => all.join('')),
          fc.emailAddress(),
          fc.string(),
        ),
        (text) => {
          if (isMailAddress(text))
            expect(text).toMatch(/^(?:[^\s<>(),;:"\\]+|"[^\r\n]*")@[^\s<>(),;:"\\@]+$/);
        },
      ),
    );
  });

  test('one mailbox has one spelling', () => {
    expect(['Ada@X.com', 'ada@x.COM'].map(mailboxOf)).toEqual(['ada@x.com', 'ada@x.com']);
    expect(['a@bücher.example', 'a@xn--bcher-kva.example', 'a@BÜCHER.example'].map(mailboxOf)).toEqual(
      Array.from({ length: 3 }, () => 'a@xn--bcher-kva.example'),
    );
    expect(mailboxesOf(['user_id:1', 'email:A@x.com', 'email:@'], { email: { value: 'a@X.com' } })).toEqual([
      'a@x.com',
    ]);
  });
});
