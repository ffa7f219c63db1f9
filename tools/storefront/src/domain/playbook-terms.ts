import { parseDuration } from '@rapport/kernel';
import type { Playbook, SegmentRule } from '@rapport/playbook';
import type { PageKind } from './acts.js';
import type { ShownTactic } from './answers.js';

/** What the shop takes from a playbook. */
export interface ShopTerms {
  readonly tactics: readonly ShownTactic[];
  readonly purposes: readonly string[];
  /** Which placements each kind of page asks for. */
  readonly placements: Readonly<Record<PageKind, readonly string[]>>;
}

/** Reads off a playbook what people can be shown and asked for. */
export function shopTermsOf(playbook: Playbook): ShopTerms {
  const purposes = new Set<string>();
  for (const tactic of playbook.tactics) if (tactic.consent !== undefined) purposes.add(tactic.consent);
  for (const segment of playbook.segments)
    for (const purpose of purposesIn(segment.when)) purposes.add(purpose);
  return {
    tactics: playbook.tactics.map(({ name, placement, goal }) => ({
      name,
      onSite: placement !== undefined,
      goal: {
        event: goal.event,
        metric: goal.metric,
        ...(goal.property === undefined ? {} : { property: goal.property }),
        withinMs: parseDuration(goal.within),
      },
    })),
    purposes: [...purposes].sort(),
    placements: placementsByPage(playbook.placements.map(({ name }) => name)),
  };
}

function purposesIn(rule: SegmentRule): string[] {
  if ('consent' in rule) return [rule.consent.purpose];
  if ('all' in rule) return rule.all.flatMap(purposesIn);
  if ('any' in rule) return rule.any.flatMap(purposesIn);
  if ('not' in rule) return purposesIn(rule.not);
  return [];
}

/** Which placements a kind of page has, told by their names; what fits nowhere else is on the home page. */
function placementsByPage(placements: readonly string[]): Record<PageKind, readonly string[]> {
  const on: Record<PageKind, string[]> = { home: [], product: [], cart: [] };
  for (const name of placements) {
    if (/cart|basket|checkout/.test(name)) on.cart.push(name);
    else if (/product/.test(name)) on.product.push(name);
    else on.home.push(name);
  }
  return on;
}
