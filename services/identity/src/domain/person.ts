import type { Identifier } from '@rapport/kernel';
import { addTo, edgeKey, type Edge, type Retraction } from './evidence.js';
import type { MergeRules } from './merge-rules.js';

/** What the root of a person knows: its identifiers and the evidence about them. */
export interface Person {
  readonly members: readonly Identifier[];
  /** Accepted evidence; both ends are members. */
  readonly edges: readonly Edge[];
  /** Evidence that merge protection refused; one end is a member, the other end's root has it too. */
  readonly refused: readonly Edge[];
  /** Pairs that an operator took apart; at least one end is a member. */
  readonly retracted: readonly Retraction[];
}

/** Refused and retracted pairs kept per person: the earliest refused, the newest retracted. */
export const maxRefused = 1_000;
export const maxRetracted = 1_000;
/** Accepted pairs kept per person: what holds it together always, and the earliest of what says so once more. */
export const maxEdges = 4_000;

/** The person of an identifier that nothing has been seen with. */
export const alone = (id: Identifier): Person => ({ members: [id], edges: [], refused: [], retracted: [] });

export const byKey = <T extends { readonly a: Identifier; readonly b: Identifier }>(
  pairs: readonly T[],
): Map<string, T> => new Map(pairs.map((pair) => [edgeKey(pair), pair]));

/** A person that is being changed. */
export class PersonDraft {
  readonly members: Set<Identifier>;
  readonly edges: Map<string, Edge>;
  readonly refused: Map<string, Edge>;
  readonly retracted: Map<string, Retraction>;

  constructor(person: Person) {
    this.members = new Set(person.members);
    this.edges = byKey(person.edges);
    this.refused = byKey(person.refused);
    this.retracted = byKey(person.retracted);
  }

  /** Takes over everything of another person; the caller has asked the rules. */
  absorb(person: Person): void {
    for (const id of person.members) this.members.add(id);
    for (const edge of person.edges) addTo(this.edges, edge);
    for (const edge of person.refused) addTo(this.refused, edge);
    for (const pair of person.retracted) this.retracted.set(edgeKey(pair), pair);
  }

  /** Adds evidence between two members; answers whether anything changed. */
  accept(edge: Edge): boolean {
    const wasRefused = this.refused.delete(edgeKey(edge));
    return addTo(this.edges, edge) || wasRefused;
  }

  /** Remembers evidence that was refused; answers whether anything changed. */
  refuse(edge: Edge, rules: MergeRules): boolean {
    const known = this.refused.get(edgeKey(edge));
    if (known !== undefined && known.first <= edge.first) return false;
    addTo(this.refused, edge);
    if (this.refused.size <= maxRefused) return true;
    const latest = [...this.refused.values()].reduce((x, y) => (rules.order(x, y) > 0 ? x : y));
    this.refused.delete(edgeKey(latest));
    return edgeKey(latest) !== edgeKey(edge);
  }

  /** The person as it is written, within its bounds. */
  finish(rules: MergeRules): Person {
    return {
      members: [...this.members],
      edges: boundEdges([...this.edges.values()], rules),
      refused: earliest([...this.refused.values()], maxRefused, rules),
      retracted: [...this.retracted.values()].sort((x, y) => x.at - y.at).slice(-maxRetracted),
    };
  }
}

export function earliest(edges: Edge[], max: number, rules: MergeRules): Edge[] {
  return edges.length <= max ? edges : edges.sort((x, y) => rules.order(x, y)).slice(0, max);
}

/** Beyond the bound: first the edges that hold the person together, then the earliest of the others. */
export function boundEdges(edges: Edge[], rules: MergeRules): Edge[] {
  if (edges.length <= maxEdges) return edges;
  const tree: Edge[] = [];
  const others: Edge[] = [];
  const groups = new Map<Identifier, Set<Identifier>>();
  for (const edge of edges.sort((x, y) => rules.order(x, y))) {
    const one = groups.get(edge.a) ?? new Set([edge.a]);
    const other = groups.get(edge.b) ?? new Set([edge.b]);
    if (one === other) {
      others.push(edge);
      continue;
    }
    tree.push(edge);
    for (const id of other) one.add(id);
    for (const id of one) groups.set(id, one);
  }
  return [...tree, ...others.slice(0, maxEdges - tree.length)];
}
