import { describe, expect, it } from '@jest/globals';
import { blockedIdentifierRule, blockedValueRule, isBlockedIdentifier } from './blocked-identifiers.js';
import { identifier } from './ids.js';

describe('blocked identifiers', () => {
  it.each([
    'null',
    'NULL',
    ' Null ',
    '"null"',
    "'undefined'",
    '\\"undefined\\"',
    '“none”',
    'NaN',
    '[object Object]',
    'anonymous',
    'Guest',
    '0',
    '000',
    '00000000-0000-0000-0000-000000000000',
    '{00000000-0000-0000-0000-000000000000}',
    '0x0',
    '',
    '""',
    '   ',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'xxxxxxxx',
    'not_authenticated',
    '(not set)',
    '-1',
  ])('takes %j for nobody', (value) => {
    expect(isBlockedIdentifier(identifier('user_id', value))).toBe(true);
  });

  it.each([
    '42',
    '1000',
    'a',
    'nullable',
    'ada@example.com',
    'anonymous-horse',
    '0001',
    '17850',
    '11111111',
    'D’Arcy',
    "O'Neil",
  ])('takes %j for somebody', (value) => {
    expect(isBlockedIdentifier(identifier('user_id', value))).toBe(false);
  });

  it('adds the values and patterns of a deployment', () => {
    const isBlocked = blockedIdentifierRule({ blockedValues: ['Walk-In'], blockedPatterns: ['^test-\\d+$'] });
    expect(isBlocked(identifier('user_id', '"walk-in"'))).toBe(true);
    expect(isBlocked(identifier('user_id', 'TEST-7'))).toBe(true);
    expect(isBlocked(identifier('user_id', 'test-seven'))).toBe(false);
    expect(isBlocked(identifier('user_id', 'null'))).toBe(true);
  });

  it('refuses a pattern that is not a regular expression', () => {
    expect(() => blockedValueRule({ blockedPatterns: ['('] })).toThrow(SyntaxError);
  });
});
