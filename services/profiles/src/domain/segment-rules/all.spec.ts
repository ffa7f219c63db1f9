import { expect, it } from '@jest/globals';
import { after, follow } from '../../fixtures/rule-follower.js';

const did = (event: string, within: string) => ({ did: { event, within } });

it('holds while every part does', () => {
  const rule = { all: [did('A', '100ms'), did('B', '30ms')] };
  expect(
    follow(rule, [after(0, { event: 'A' }), after(20, { event: 'B' }), after(90, { event: 'B' })]),
  ).toEqual(['+20', '-50', '+90', '-100']);
});

it('turns true by itself when a part that did not hold does by time', () => {
  const rule = { all: [did('A', '100ms'), { not: did('B', '30ms') }] };
  expect(follow(rule, [after(0, { event: 'B' }), after(5, { event: 'A' })])).toEqual(['+30', '-105']);
});

it('holds without parts', () => {
  expect(follow({ all: [] }, [after(0)])).toEqual(['+0']);
});
