import type { Identifier } from '@rapport/kernel';
import { addTo, edgeKey, type Edge, type Retraction } from './evidence.js';
import type { MergeRules } from './merge-rules.js';
import { partition, type RefusedEdge } from './partition.js';
import { boundEdges, byKey, earliest, maxRefused, maxRetracted, type Person } from './person.js';

/** What a change of evidence is about. */
export interface EvidenceChange {
  readonly add?: Edge;
  readonly retract?: readonly Retraction[];
  /** A pair that may be joined again although it was taken apart. */
  readonly lift?: { readonly a: Identifier; readonly b: Identifier };
}

/** How the people of a scope divide after a change, or which people outside it would have to be looked at too. */
export interface Regrouping {
  readonly groups: readonly Person[];
  readonly touched: readonly Identifier[];
  /** Evidence that did not count as refused before and does now. */
  readonly newlyRefused: readonly RefusedEdge[];
  /** Evidence that was refused before and is not now. */
  readonly newlyAccepted: readonly Edge[];
}

/**
 * Weighs all evidence of some people anew. `around` are the people that refused evidence leads to: they take
 * part with what they are, and those of them that would come out differently are named in `touched`; the groups
 * hold once nothing is touched.
 */
export function regroup(
  scope: ReadonlyMap<Identifier, Person>,
  around: ReadonlyMap<Identifier, Person>,
  change: EvidenceChange,
  rules: MergeRules,
): Regrouping {
  const people = [...scope.values(), ...around.values()];
  const nodes = new Set(people.flatMap((person) => person.members));
  const retracted = byKey([...people.flatMap((person) => person.retracted), ...(change.retract ?? [])]);
  if (change.lift) retracted.delete(edgeKey(change.lift));
  const edges = new Map<string, Edge>();
  for (const edge of [
    ...people.flatMap((person) => [...person.edges, ...person.refused]),
    ...(change.add ? [change.add] : []),
  ]) {
    if (nodes.has(edge.a) && nodes.has(edge.b) && !retracted.has(edgeKey(edge))) addTo(edges, edge);
  }
  const outcome = partition(nodes, edges.values(), rules);
  const touched = [...around].filter(([, person]) => {
    const group = outcome.groupOf.get(person.members[0] as Identifier);
    return group?.size !== person.members.length || person.members.some((id) => !group.has(id));
  });
  const within = (pair: { a: Identifier; b: Identifier }, group: ReadonlySet<Identifier>): boolean =>
    group.has(pair.a) || group.has(pair.b);
  const inScope = new Set([...scope.values()].flatMap((person) => person.members));
  const groups = new Set([...inScope].map((id) => outcome.groupOf.get(id) ?? new Set([id])));
  const refusedBefore = new Set(people.flatMap((person) => person.refused.map(edgeKey)));
  return {
    touched: touched.map(([root]) => root),
    newlyRefused: outcome.refused.filter(({ edge }) => !refusedBefore.has(edgeKey(edge))),
    newlyAccepted: outcome.accepted.filter((edge) => refusedBefore.has(edgeKey(edge))),
    groups: [...groups].map((group) => ({
      members: [...group],
      edges: boundEdges(
        outcome.accepted.filter((edge) => group.has(edge.a)),
        rules,
      ),
      refused: earliest(
        outcome.refused.map(({ edge }) => edge).filter((edge) => within(edge, group)),
        maxRefused,
        rules,
      ),
      retracted: [...retracted.values()]
        .filter((pair) => within(pair, group))
        .sort((x, y) => x.at - y.at)
        .slice(-maxRetracted),
    })),
  };
}

/** Whether two people are the same in members and in the evidence that counts, down to when it was first seen. */
export function samePerson(one: Person, other: Person): boolean {
  const members = new Set(one.members);
  return (
    one.members.length === other.members.length &&
    other.members.every((id) => members.has(id)) &&
    sameEvidence(one.edges, other.edges) &&
    sameEvidence(one.refused, other.refused) &&
    samePairs(one.retracted, other.retracted)
  );
}

function sameEvidence(one: readonly Edge[], other: readonly Edge[]): boolean {
  if (one.length !== other.length) return false;
  const firsts = new Map(one.map((edge) => [edgeKey(edge), edge.first]));
  return other.every((edge) => firsts.get(edgeKey(edge)) === edge.first);
}

function samePairs(one: readonly Retraction[], other: readonly Retraction[]): boolean {
  const keys = new Set(one.map(edgeKey));
  return one.length === other.length && other.every((pair) => keys.has(edgeKey(pair)));
}
