import type { Condition } from '@rapport/playbook';
import { compileTest } from '../conditions.js';
import { ruleKind } from './segment-rule-kind.js';

/** A computed trait compared with a value; lists are compared by `contains`. */
export const computed = ruleKind('computed', ({ computed: condition }, compiler) => {
  const name = condition.path.startsWith('computed.')
    ? condition.path.slice('computed.'.length)
    : condition.path;
  const number = compiler.computedTrait(name);
  const test = compileTest(condition);
  const thresholds = numbersIn(condition);
  return (facts, atMs) => {
    const { value, untilMs } = facts.computed(number, atMs, thresholds);
    return { holds: test(value === null ? [] : [value]), untilMs };
  };
});

function numbersIn({ value }: Condition): readonly number[] {
  const wanted = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return wanted.filter((one): one is number => typeof one === 'number');
}
