import { expect, it } from '@jest/globals';
import { after, follow } from '../../fixtures/rule-follower.js';

const rule = { prediction: { model: 'propensity', atLeast: 0.3 } };

it('holds from the score asked for', () => {
  expect(follow(rule, [after(0)], { scores: { propensity: 0.3 } })).toEqual(['+0']);
  expect(follow(rule, [after(0)], { scores: { propensity: 0.29 } })).toEqual([]);
});

it('does not hold without a score', () => {
  expect(follow(rule, [after(0)])).toEqual([]);
  expect(follow({ not: rule }, [after(0)])).toEqual(['+0']);
});
