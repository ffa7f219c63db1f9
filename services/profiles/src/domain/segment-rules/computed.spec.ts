import { expect, it } from '@jest/globals';
import { dayMs, epochMs } from '../../fixtures/events.js';
import { after, follow } from '../../fixtures/rule-follower.js';

const on = { event: 'E' };

it('compares a computed trait', () => {
  const computedTraits = [{ name: 'total', kind: 'sum' as const, on, property: 'v' }];
  const rule = { computed: { path: 'computed.total', op: 'gte' as const, value: 5 } };
  expect(
    follow(rule, [after(0, { properties: { v: 4.9 } }), after(1, { properties: { v: 0.1 } })], {
      computedTraits,
    }),
  ).toEqual(['+1']);
});

it('turns by itself when a rolling window moves', () => {
  const computedTraits = [{ name: 'lately', kind: 'count' as const, on, window: '60ms' }];
  const rule = { computed: { path: 'lately', op: 'gte' as const, value: 2 } };
  expect(follow(rule, [after(0), after(10)], { computedTraits })).toEqual(['+10', '-60']);
});

it('turns by itself at the instant at which enough time has passed', () => {
  const computedTraits = [{ name: 'days', kind: 'time_since' as const, on }];
  const rule = { computed: { path: 'days', op: 'gte' as const, value: 1.5 } };
  expect(follow(rule, [after(7)], { computedTraits }, epochMs + 3 * dayMs)).toEqual([`+${1.5 * dayMs + 7}`]);
});

it('looks for an element of a list', () => {
  const computedTraits = [{ name: 'seen', kind: 'unique_list' as const, on, property: 'v' }];
  const rule = { computed: { path: 'seen', op: 'contains' as const, value: 'b' } };
  expect(
    follow(rule, [after(0, { properties: { v: 'a' } }), after(1, { properties: { v: 'b' } })], {
      computedTraits,
    }),
  ).toEqual(['+1']);
});

it('has nothing to compare while there is no value', () => {
  const computedTraits = [{ name: 'least', kind: 'min' as const, on: { event: 'Other' }, property: 'v' }];
  expect(follow({ computed: { path: 'least', op: 'lt', value: 5 } }, [after(0)], { computedTraits })).toEqual(
    [],
  );
  expect(follow({ computed: { path: 'least', op: 'ne', value: 5 } }, [after(0)], { computedTraits })).toEqual(
    ['+0'],
  );
});
