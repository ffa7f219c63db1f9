import { parseDuration } from '@rapport/kernel';
import { lasting, ruleKind } from './segment-rule-kind.js';

/** The first event is less than this ago. */
export const seen = ruleKind('seen', ({ seen: { firstWithin } }, compiler) => {
  compiler.readsFirstSeen();
  const windowMs = parseDuration(firstWithin);
  return (facts, atMs) => {
    const firstMs = facts.firstSeenMs();
    if (firstMs === undefined) return lasting(false);
    const endMs = firstMs + windowMs;
    return atMs < endMs ? { holds: true, untilMs: endMs } : lasting(false);
  };
});
