import { ruleKind } from './segment-rule-kind.js';

/** The person is in another segment. */
export const segment = ruleKind('segment', (rule, compiler) => {
  const number = compiler.segment(rule.segment);
  return (facts) => facts.verdictOn(number);
});
