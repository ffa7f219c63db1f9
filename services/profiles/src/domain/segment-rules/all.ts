import { lasting, ruleKind, type CompiledRule, type Facts, type Verdict } from './segment-rule-kind.js';

/** Holds when every part holds. */
export const all = ruleKind('all', (rule, compiler) => {
  const parts = rule.all.map((part) => compiler.rule(part));
  return (facts, atMs) => allOf(parts, facts, atMs);
});

/**
 * While it holds, the first part to change may end it. While it does not, every part that does not hold must change
 * first, so it lasts as long as the longest-lasting of those.
 */
function allOf(parts: readonly CompiledRule[], facts: Facts, atMs: number): Verdict {
  let untilMs = Infinity;
  let failing = -Infinity;
  for (const part of parts) {
    const verdict = part(facts, atMs);
    if (verdict.holds) untilMs = Math.min(untilMs, verdict.untilMs);
    else failing = Math.max(failing, verdict.untilMs);
  }
  if (failing === Infinity) return lasting(false);
  return failing === -Infinity ? { holds: true, untilMs } : { holds: false, untilMs: failing };
}
