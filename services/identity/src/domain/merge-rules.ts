import { blockedIdentifierRule, partsOf, type Identifier } from '@rapport/kernel';
import { edgeKey, type Edge } from './evidence.js';

/** The part of the playbook that says what may be one person (`identity`). */
export interface MergeRuleSettings {
  readonly limits?: Readonly<Record<string, number>>;
  readonly priorities?: readonly string[];
  readonly blockedValues?: readonly string[];
  readonly blockedPatterns?: readonly string[];
}

/** What may be joined, and which evidence goes first. */
export interface MergeRules {
  isBlocked(id: Identifier): boolean;
  /** Why two groups of identifiers must not be one person; undefined when they may. Growing a group never helps. */
  refusal(one: Iterable<Identifier>, other: Iterable<Identifier>): string | undefined;
  /** The order in which evidence is weighed: earlier event time first, then stronger types, then by name. */
  order(x: Edge, y: Edge): number;
}

/** How many identifiers make a person at most; a document stays far below any store's limit. */
export const maxIdentifiers = 1_000;
const defaultLimits: Readonly<Record<string, number>> = { user_id: 1, email: 5, anonymous_id: 100 };
const defaultLimit = 5;
const defaultPriorities: readonly string[] = ['user_id', 'email'];

/**
 * Compiles the merge rules of a playbook. Every rule is about the set of identifiers alone, and a set that is
 * too big stays so when it grows: that is what makes the outcome independent of the order of arrival.
 */
export function mergeRulesOf(settings: MergeRuleSettings): MergeRules {
  const limits = { ...defaultLimits, ...settings.limits };
  const limitOf = (type: string): number => limits[type] ?? defaultLimit;
  const rank = rankBy(settings.priorities ?? defaultPriorities);
  return {
    isBlocked: blockedIdentifierRule(settings),
    refusal: (one, other) => {
      const together = new Set(one);
      for (const id of other) together.add(id);
      if (together.size > maxIdentifiers) {
        return `a person has at most ${maxIdentifiers} identifiers, this link would make ${together.size}`;
      }
      const counts = new Map<string, number>();
      for (const id of together) {
        const { type } = partsOf(id);
        counts.set(type, (counts.get(type) ?? 0) + 1);
      }
      for (const [type, count] of counts) {
        if (count > limitOf(type)) {
          return `a person has at most ${limitOf(type)} ${type}, this link would make ${count}`;
        }
      }
      return undefined;
    },
    order: (x, y) => {
      if (x.first !== y.first) return x.first - y.first;
      const byRank = rank(x) - rank(y);
      if (byRank !== 0) return byRank;
      const [left, right] = [edgeKey(x), edgeKey(y)];
      return left < right ? -1 : left > right ? 1 : 0;
    },
  };
}

/** Ranks an edge by its weaker end, then by its stronger; types that are not named come after those that are, devices last. */
function rankBy(priorities: readonly string[]): (edge: Edge) => number {
  const places = new Map(priorities.map((type, place) => [type, place]));
  const weakest = priorities.length + 1;
  const placeOf = (id: Identifier): number => {
    const { type } = partsOf(id);
    return places.get(type) ?? (type === 'anonymous_id' ? weakest : weakest - 1);
  };
  return (edge) => {
    const [a, b] = [placeOf(edge.a), placeOf(edge.b)];
    return Math.max(a, b) * (weakest + 1) + Math.min(a, b);
  };
}
