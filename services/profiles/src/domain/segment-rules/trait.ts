import type { JsonValue } from '@rapport/contracts';
import { compileTest } from '../conditions.js';
import { valuesIn } from '../paths.js';
import { lasting, ruleKind, type Facts } from './segment-rule-kind.js';

/** A trait compared with a value. `path` names the trait, or goes on into one that is an object (`address.city`). */
export const trait = ruleKind('trait', ({ trait: condition }, compiler) => {
  compiler.readsTraits();
  const path = condition.path.startsWith('traits.') ? condition.path.slice('traits.'.length) : condition.path;
  const test = compileTest(condition);
  return (facts) => lasting(test(valuesAt(facts, path)));
});

function valuesAt(facts: Facts, path: string): readonly JsonValue[] {
  const whole = facts.trait(path);
  if (whole !== undefined) return [whole];
  const dot = path.indexOf('.');
  return dot === -1 ? [] : valuesIn(facts.trait(path.slice(0, dot)), path.slice(dot + 1));
}
