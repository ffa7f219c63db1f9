import { expect, it } from '@jest/globals';
import { after, follow } from '../../fixtures/rule-follower.js';

it('holds exactly while its part does not', () => {
  expect(
    follow({ not: { did: { event: 'B', within: '30ms' } } }, [after(0), after(10, { event: 'B' })]),
  ).toEqual(['+0', '-10', '+40']);
});

it('does not make members of people who were never seen', () => {
  expect(follow({ not: { did: { event: 'B' } } }, [])).toEqual([]);
});
