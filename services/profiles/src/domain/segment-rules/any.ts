import { lasting, ruleKind, type CompiledRule, type Facts, type Verdict } from './segment-rule-kind.js';

/** Holds when at least one part holds. */
export const any = ruleKind('any', (rule, compiler) => {
  const parts = rule.any.map((part) => compiler.rule(part));
  return (facts, atMs) => anyOf(parts, facts, atMs);
});

/** The mirror of `all`: while it holds, every part that holds must change first. */
function anyOf(parts: readonly CompiledRule[], facts: Facts, atMs: number): Verdict {
  let untilMs = Infinity;
  let holding = -Infinity;
  for (const part of parts) {
    const verdict = part(facts, atMs);
    if (verdict.holds) holding = Math.max(holding, verdict.untilMs);
    else untilMs = Math.min(untilMs, verdict.untilMs);
  }
  if (holding === Infinity) return lasting(true);
  return holding === -Infinity ? { holds: false, untilMs } : { holds: true, untilMs: holding };
}
