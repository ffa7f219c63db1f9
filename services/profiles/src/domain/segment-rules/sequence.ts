import { parseDuration } from '@rapport/kernel';
import { newestInstants, type Instants } from './newest-instants.js';
import { lasting, ruleKind } from './segment-rule-kind.js';

/** A sequence looks at this many events of each step at most, the newest. */
export const mostEventsPerStep = 200;

/**
 * The steps in this order, each strictly later than the one before, all within the last W: it holds until the
 * first step's event falls out of the window.
 */
export const sequence = ruleKind('sequence', ({ sequence: rule }, compiler) => {
  const windowMs = parseDuration(rule.within);
  const steps = rule.steps.map((step) => compiler.accumulate(newestInstants(step, mostEventsPerStep)));
  return (facts, atMs) => {
    let beforeMs = Infinity;
    // From the last step back, the latest event that can be each step: so the first step's is the latest possible.
    for (const step of steps.toReversed()) {
      const instants = facts.gathered(step) as Instants | undefined;
      const latestMs = instants?.findLast((instantMs) => instantMs < beforeMs);
      if (latestMs === undefined) return lasting(false);
      beforeMs = latestMs;
    }
    const endMs = beforeMs + windowMs;
    return atMs < endMs ? { holds: true, untilMs: endMs } : lasting(false);
  };
});
