import { ruleKind } from './segment-rule-kind.js';

/** Holds when its part does not. */
export const not = ruleKind('not', (rule, compiler) => {
  const part = compiler.rule(rule.not);
  return (facts, atMs) => {
    const { holds, untilMs } = part(facts, atMs);
    return { holds: !holds, untilMs };
  };
});
