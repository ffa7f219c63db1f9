import type { DidRule } from '@rapport/playbook';
import { parseDuration } from '@rapport/kernel';
import { newestInstants, newestInstantsPer, type Instants, type ValuedInstants } from './newest-instants.js';
import {
  lasting,
  ruleKind,
  type CompiledRule,
  type RuleCompiler,
  type Verdict,
} from './segment-rule-kind.js';
import type { Scalar } from '../computed-traits/scalars.js';

/** A rule with `per` looks at this many matching events at most, the newest. */
export const mostEventsPer = 300;

/** How many of the newest matching events a rule with `per` looks at: enough for 50 values, at most 300. */
export const eventsLookedAt = (atLeast: number): number => Math.min(50 * atLeast, mostEventsPer);

/**
 * "Did it at least N times within W". An event counts in [its time, its time + W). Since nobody asks for an instant
 * before the newest event, the N newest instants alone decide: the rule holds until the N-th newest falls out.
 */
export const did = ruleKind('did', ({ did: rule }, compiler) =>
  rule.per === undefined ? didAny(rule, compiler) : didPer(rule, rule.per, compiler),
);

function didAny(rule: DidRule, compiler: RuleCompiler): CompiledRule {
  const atLeast = rule.atLeast ?? 1;
  const windowMs = rule.within === undefined ? undefined : parseDuration(rule.within);
  const accumulator = compiler.accumulate(
    newestInstants(rule, compiler.mostAsked({ filter: rule, per: undefined })),
  );
  return (facts, atMs) => {
    const instants = facts.gathered(accumulator) as Instants | undefined;
    const deciding = instants?.at(-atLeast);
    if (deciding === undefined) return lasting(false);
    return windowMs === undefined ? lasting(true) : within(deciding + windowMs, atMs);
  };
}

function didPer(rule: DidRule, per: string, compiler: RuleCompiler): CompiledRule {
  const atLeast = rule.atLeast ?? 1;
  const windowMs = rule.within === undefined ? undefined : parseDuration(rule.within);
  const cap = eventsLookedAt(compiler.mostAsked({ filter: rule, per }));
  const accumulator = compiler.accumulate(newestInstantsPer(rule, per, cap));
  return (facts, atMs) => {
    const deciding = newestDeciding(facts.gathered(accumulator) as ValuedInstants | undefined, atLeast);
    if (deciding === undefined) return lasting(false);
    return windowMs === undefined ? lasting(true) : within(deciding + windowMs, atMs);
  };
}

const within = (endMs: number, atMs: number): Verdict =>
  atMs < endMs ? { holds: true, untilMs: endMs } : lasting(false);

/** Of each value's N-th newest instant, the newest. */
function newestDeciding(instants: ValuedInstants | undefined, atLeast: number): number | undefined {
  if (instants === undefined || instants.length < atLeast) return undefined;
  const seen = new Map<Scalar, number>();
  for (let i = instants.length - 1; i >= 0; i--) {
    const [atMs, value] = instants[i] as readonly [number, Scalar];
    const times = (seen.get(value) ?? 0) + 1;
    // Walking from the newest, the first value to reach N has the newest deciding instant.
    if (times === atLeast) return atMs;
    seen.set(value, times);
  }
  return undefined;
}
