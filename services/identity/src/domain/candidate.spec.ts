import { describe, expect, it } from '@jest/globals';
import { identifier } from '@rapport/kernel';
import { Candidate } from './candidate.js';
import { alone } from './person.js';

const device = identifier('anonymous_id', 'd');
const account = identifier('user_id', 'a');
const known = (created: number): Candidate =>
  new Candidate(device, {
    id: device,
    version: 1,
    doc: { created, parent: null, membershipVersion: 1, person: alone(device) },
  });

describe('the elder of two people', () => {
  it.each([
    ['before', 99, true],
    ['in the same instant', 100, false],
    ['by a clock that goes ahead, which counts as the same instant', 101, false],
  ])(
    'asks a device and a new account for their age first: the device was seen %s',
    (_when, created, isElder) => {
      const fresh = new Candidate(account, undefined);
      expect(known(created).isElderThan(fresh, 100)).toBe(isElder);
      expect(fresh.isElderThan(known(created), 100)).toBe(!isElder);
    },
  );
});
