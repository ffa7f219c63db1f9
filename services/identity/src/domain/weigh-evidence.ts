import type { Identifier } from '@rapport/kernel';
import type { Candidate } from './candidate.js';
import { edgeKey, type Edge } from './evidence.js';
import type { MergeRules } from './merge-rules.js';
import { groupBefore } from './partition.js';

/** A pair that needs no store until evidence comes that is earlier than `first` or of a later day than `last`. */
export interface KnownPair {
  readonly a: Identifier;
  readonly b: Identifier;
  readonly first: number;
  readonly last: number;
}

/** Evidence that a round deals with, and the people whose writes it depends on. */
export interface WeighedEdge {
  readonly edge: Edge;
  readonly touches: readonly Candidate[];
  readonly known: KnownPair;
}

export interface Weighing {
  readonly weighed: readonly WeighedEdge[];
  /** Has to wait until what this round joins is written. */
  readonly deferred: readonly Edge[];
  /** Contradicts evidence that came earlier but happened later: the people have to be divided anew. */
  readonly contrary: readonly Edge[];
}

type Verdict = WeighedEdge['known'] | 'defer' | 'contrary';

/**
 * Weighs evidence against people as they were read, and notes in the candidates what is to be written. Joining
 * two people that may be one gives what weighing all evidence in its order would give, whatever came first: the
 * rules only ever get stricter as a person grows (see mergeRulesOf). Where they may not be one, the question is
 * what they were when the evidence happened.
 */
export function weighEvidence(
  edges: readonly Edge[],
  candidateOf: (id: Identifier) => Candidate,
  rules: MergeRules,
  atMs: number,
): Weighing {
  const weighed: WeighedEdge[] = [];
  const deferred: Edge[] = [];
  const contrary: Edge[] = [];
  for (const edge of edges) {
    const [one, other] = [candidateOf(edge.a), candidateOf(edge.b)];
    const verdict =
      one.target === other.target
        ? weighInside(edge, one, other)
        : weighBetween(edge, one, other, rules, atMs);
    if (verdict === 'defer') deferred.push(edge);
    else if (verdict === 'contrary') contrary.push(edge);
    else weighed.push({ edge, touches: [one, other, one.target, other.target], known: verdict });
  }
  return { weighed, deferred, contrary };
}

const always = (edge: Edge): KnownPair => ({ a: edge.a, b: edge.b, first: -Infinity, last: Infinity });

function weighInside(edge: Edge, one: Candidate, other: Candidate): Verdict {
  const key = edgeKey(edge);
  if (one.draft.retracted.has(key) || other.draft.retracted.has(key)) return always(edge);
  if (one !== other) {
    one.target.joinEdges.push(edge);
    return edge;
  }
  if (one.draft.accept(edge)) {
    one.ownEdges.push(edge);
    if (one.joinedTo) one.joinedTo.joinEdges.push(edge);
    else one.dirty = true;
  }
  return one.draft.edges.get(key) ?? always(edge);
}

function weighBetween(
  edge: Edge,
  one: Candidate,
  other: Candidate,
  rules: MergeRules,
  atMs: number,
): Verdict {
  const key = edgeKey(edge);
  if (one.draft.retracted.has(key) || other.draft.retracted.has(key)) return always(edge);
  const [before, beforeThere] = [one.draft.refused.get(key), other.draft.refused.get(key)];
  if (before && beforeThere && Math.max(before.first, beforeThere.first) <= edge.first) {
    return { a: edge.a, b: edge.b, first: Math.min(before.first, beforeThere.first), last: Infinity };
  }
  if (one.joinedTo || other.joinedTo) return 'defer';
  const reason = rules.refusal(one.allMembers(), other.allMembers());
  if (reason === undefined) {
    const [elder, younger] = one.isElderThan(other, atMs) ? [one, other] : [other, one];
    return elder.join(younger, edge) ? edge : 'defer';
  }
  if (one.joins.length > 0 || other.joins.length > 0) return 'defer';
  const earlier = rules.refusal(
    groupBefore(edge.a, one.draft.edges.values(), edge, rules),
    groupBefore(edge.b, other.draft.edges.values(), edge, rules),
  );
  if (earlier === undefined) {
    // Both must exist before their people can be divided anew.
    one.dirty ||= one.stored === undefined;
    other.dirty ||= other.stored === undefined;
    return 'contrary';
  }
  refuse(edge, one, reason, rules, atMs);
  refuse(edge, other, reason, rules, atMs);
  return { a: edge.a, b: edge.b, first: edge.first, last: Infinity };
}

function refuse(edge: Edge, candidate: Candidate, reason: string, rules: MergeRules, atMs: number): void {
  const isNew = !candidate.draft.refused.has(edgeKey(edge));
  if (!candidate.draft.refuse(edge, rules)) return;
  candidate.dirty = true;
  candidate.refusing = true;
  if (!isNew) return;
  candidate.history.push({
    id: `refuse:${edgeKey(edge)}`,
    kind: 'refuse',
    at: atMs,
    from: edge.a,
    to: edge.b,
    reason: `${reason} (${edge.source})`,
  });
}
