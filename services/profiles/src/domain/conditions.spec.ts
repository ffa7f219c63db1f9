import { expect, it } from '@jest/globals';
import type { JsonValue } from '@rapport/contracts';
import type { Condition } from '@rapport/playbook';
import { compileTest } from './conditions.js';

it.each<[Condition['op'], Condition['value'], readonly JsonValue[], boolean]>([
  ['eq', 'a', ['a'], true],
  ['eq', 1, ['1'], false],
  ['eq', 'a', [], false],
  ['eq', 'b', ['a', 'b'], true],
  ['ne', 'a', ['b'], true],
  ['ne', 'a', ['b', 'a'], false],
  ['ne', 'a', [], true],
  ['gt', 5, [5], false],
  ['gt', 5, [4, 6], true],
  ['gte', 5, [5], true],
  ['lt', 5, ['4'], false],
  ['lte', 5, [5], true],
  ['gte', '2026-01-01', ['2026-01-02T10:00:00Z'], true],
  ['in', ['a', 'b'], ['b'], true],
  ['in', [1, 2], [3], false],
  ['contains', 'b', ['abc'], true],
  ['contains', 'b', [['a', 'b']], true],
  ['contains', 'b', [['bb']], false],
  ['starts_with', '/sale', ['/sale/now'], true],
  ['starts_with', '/sale', ['/on/sale'], false],
  ['exists', undefined, [0], true],
  ['exists', undefined, [null], false],
  ['exists', undefined, [], false],
])('%s %j with %j is %s', (op, value, values, expected) => {
  expect(compileTest({ path: 'p', op, ...(value === undefined ? {} : { value }) })(values)).toBe(expected);
});
