import type { AcceptedEvent } from '@rapport/contracts';
import type { Identifier } from '@rapport/kernel';

/** What shows that two identifiers are one person; `a` sorts before `b`. Times are milliseconds since the epoch. */
export interface Edge {
  readonly a: Identifier;
  readonly b: Identifier;
  readonly kind: 'deterministic';
  /** The source that showed them together first. */
  readonly source: string;
  /** Event time of the earliest evidence. */
  readonly first: number;
  /** Event time of the first evidence of the newest day (UTC) that showed it. */
  readonly last: number;
  /** How many days showed it, counted forward from the first. */
  readonly days: number;
}

/** Two identifiers that an operator took apart; nothing but an explicit link joins them again. */
export interface Retraction {
  readonly a: Identifier;
  readonly b: Identifier;
  readonly at: number;
}

const dayMs = 86_400_000;
/** The day (UTC) of an instant, counted from the epoch. */
export const dayOf = (instantMs: number): number => Math.floor(instantMs / dayMs);

/** Names a pair, whichever way round it is given; U+0000 cannot stand in an identifier that came in as text. */
export function edgeKey(pair: { readonly a: Identifier; readonly b: Identifier }): string {
  return `${pair.a}\u0000${pair.b}`;
}

/** The pair in its order. */
export function pairOf(x: Identifier, y: Identifier): { a: Identifier; b: Identifier } {
  return x < y ? { a: x, b: y } : { a: y, b: x };
}

/** One observation of two identifiers together. */
export function observe(x: Identifier, y: Identifier, atMs: number, source: string): Edge {
  return { ...pairOf(x, y), kind: 'deterministic', source, first: atMs, last: atMs, days: 1 };
}

/**
 * The evidence for one pair, put together. The earliest time and its source do not depend on the order; the day
 * count does where evidence comes late, because only days after the newest are counted.
 */
export function combine(known: Edge, seen: Edge): Edge {
  const first = Math.min(known.first, seen.first);
  const newDays = dayOf(seen.last) - dayOf(known.last);
  if (first === known.first && newDays <= 0 && !(seen.first === first && seen.source < known.source))
    return known;
  const source =
    known.first === seen.first
      ? known.source < seen.source
        ? known.source
        : seen.source
      : known.first < seen.first
        ? known.source
        : seen.source;
  return {
    ...known,
    first,
    source,
    last: newDays > 0 ? seen.last : known.last,
    days: known.days + Math.max(0, Math.min(seen.days, newDays)),
  };
}

/** Adds edges to a list keyed by pair; answers whether anything changed. */
export function addTo(edges: Map<string, Edge>, edge: Edge): boolean {
  const key = edgeKey(edge);
  const known = edges.get(key);
  const now = known === undefined ? edge : combine(known, edge);
  if (now === known) return false;
  edges.set(key, now);
  return true;
}

/** What one event says its origin was seen together with: its other identifiers, and the old id of an alias. */
export function partnersOf({ origin, identifiers, previous }: AcceptedEvent): readonly Identifier[] {
  if (previous === undefined && identifiers.length === 1 && identifiers[0] === origin) return nobody;
  const partners = identifiers.filter((id) => id !== origin);
  if (previous !== undefined && previous !== origin && !partners.includes(previous)) partners.push(previous);
  return partners;
}

const nobody: readonly Identifier[] = [];
