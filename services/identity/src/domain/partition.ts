import type { Identifier } from '@rapport/kernel';
import type { Edge } from './evidence.js';
import type { MergeRules } from './merge-rules.js';

export interface RefusedEdge {
  readonly edge: Edge;
  readonly reason: string;
}

/** Who is who, and which evidence made it so. */
export interface Partition {
  /** Every node with its group; the members of a group share one set. */
  readonly groupOf: ReadonlyMap<Identifier, ReadonlySet<Identifier>>;
  readonly accepted: readonly Edge[];
  readonly refused: readonly RefusedEdge[];
}

/**
 * The definition of a person: evidence is weighed in the order of the rules, and each link is accepted where the
 * two groups that it would join may be one person by then. It depends on the evidence alone, not on when it came.
 */
export function partition(nodes: Iterable<Identifier>, edges: Iterable<Edge>, rules: MergeRules): Partition {
  const groupOf = new Map<Identifier, Set<Identifier>>();
  const groupAt = (id: Identifier): Set<Identifier> => {
    let group = groupOf.get(id);
    if (group === undefined) groupOf.set(id, (group = new Set([id])));
    return group;
  };
  for (const id of nodes) groupAt(id);
  const accepted: Edge[] = [];
  const refused: RefusedEdge[] = [];
  for (const edge of [...edges].sort((x, y) => rules.order(x, y))) {
    const [one, other] = [groupAt(edge.a), groupAt(edge.b)];
    const reason = one === other ? undefined : rules.refusal(one, other);
    if (reason !== undefined) {
      refused.push({ edge, reason });
      continue;
    }
    accepted.push(edge);
    if (one === other) continue;
    const [big, small] = one.size >= other.size ? [one, other] : [other, one];
    for (const id of small) {
      big.add(id);
      groupOf.set(id, big);
    }
  }
  return { groupOf, accepted, refused };
}

/** The group that an identifier was in when the evidence before `edge` had been weighed, given a person's accepted edges. */
export function groupBefore(
  start: Identifier,
  accepted: Iterable<Edge>,
  edge: Edge,
  rules: MergeRules,
): ReadonlySet<Identifier> {
  const neighbours = new Map<Identifier, Identifier[]>();
  const connect = (from: Identifier, to: Identifier): void => {
    const known = neighbours.get(from);
    if (known === undefined) neighbours.set(from, [to]);
    else known.push(to);
  };
  for (const earlier of accepted) {
    if (rules.order(earlier, edge) >= 0) continue;
    connect(earlier.a, earlier.b);
    connect(earlier.b, earlier.a);
  }
  const group = new Set([start]);
  // A set may grow while it is walked: what is added is walked too.
  for (const id of group) for (const next of neighbours.get(id) ?? []) group.add(next);
  return group;
}

/** The evidence that leads from one identifier to another, as few links as possible; empty where nothing does. */
export function pathBetween(from: Identifier, to: Identifier, edges: readonly Edge[]): readonly Edge[] {
  const cameBy = new Map<Identifier, Edge | undefined>([[from, undefined]]);
  for (const id of cameBy.keys()) {
    for (const edge of edges) {
      const next = edge.a === id ? edge.b : edge.b === id ? edge.a : undefined;
      if (next !== undefined && !cameBy.has(next)) cameBy.set(next, edge);
    }
  }
  const path: Edge[] = [];
  for (let at = to, edge = cameBy.get(at); edge !== undefined; edge = cameBy.get(at)) {
    path.unshift(edge);
    at = edge.a === at ? edge.b : edge.a;
  }
  return path;
}
