import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { doors } from './registry.js';

const shown = (seed: number): readonly (readonly [string, readonly string[]])[] =>
  doors.map(({ name, inputs, show }) => [name, fc.sample(inputs, { seed, numRuns: 25 }).map(show)]);

describe('what is sent through each door', () => {
  it('follows from the seed', () => {
    const once = shown(1);
    expect(shown(1)).toEqual(once);
    for (const [at, other] of shown(2).entries()) expect(other).not.toEqual(once[at]);
  });

  it('is told apart by the name of the door', () => {
    const names = doors.map(({ name }) => name);
    expect([...new Set(names)]).toEqual(names);
  });
});
