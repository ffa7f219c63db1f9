import { lasting, ruleKind } from './segment-rule-kind.js';

/**
 * A model's score is at least this. Scored anew when the person does something or something else falls due; without
 * a score it does not hold.
 */
export const prediction = ruleKind('prediction', ({ prediction: { model, atLeast } }, compiler) => {
  compiler.readsScore(model);
  return (facts) => lasting((facts.score(model) ?? -Infinity) >= atLeast);
});
