import { lasting, ruleKind } from './segment-rule-kind.js';

/** The consent for a purpose is as asked. A purpose that was never answered counts as refused. */
export const consent = ruleKind('consent', ({ consent: { purpose, granted } }, compiler) => {
  compiler.readsConsent();
  return (facts) => lasting(facts.hasConsent(purpose) === granted);
});
