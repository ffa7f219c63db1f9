import type { Identifier } from '@rapport/kernel';
import type { Edge } from './evidence.js';
import { isElder, type Aged, type HistoryEntry, type IdentifierDocument } from './identifier-document.js';
import { alone, PersonDraft } from './person.js';

interface StoredDocument {
  readonly id: string;
  readonly version: number;
  readonly doc: IdentifierDocument;
}

/** One person as a round of learning is about to change it: a root as it was read, or an identifier that has no document. */
export class Candidate {
  readonly draft: PersonDraft;
  /** New evidence inside this person; carried along if it joins another, because then its own document is not rewritten. */
  readonly ownEdges: Edge[] = [];
  /** Who joins this person, each by an edge of its own to it. */
  readonly joins: Candidate[] = [];
  readonly joinEdges: Edge[] = [];
  readonly history: HistoryEntry[] = [];
  joinedTo: Candidate | undefined;
  dirty = false;
  refusing = false;
  /** After the round has written: the root that it ended under, or null where it has to be weighed again. */
  outcome: Identifier | null;

  constructor(
    readonly id: Identifier,
    readonly stored: StoredDocument | undefined,
  ) {
    this.draft = new PersonDraft(stored?.doc.person ?? alone(id));
    this.outcome = id;
  }

  get target(): Candidate {
    return this.joinedTo ?? this;
  }

  /** Its identifiers and those of everyone who joins it. */
  *allMembers(): Iterable<Identifier> {
    yield* this.draft.members;
    for (const join of this.joins) yield* join.draft.members;
  }

  /** Takes another in; answers false where that has to wait for the next round. */
  join(younger: Candidate, edge: Edge): boolean {
    if (younger.joins.length > 0 || younger.refusing) return false;
    younger.joinedTo = this;
    this.joins.push(younger);
    this.joinEdges.push(edge, ...younger.ownEdges);
    return true;
  }

  /** Whether this one stays when the two become one. What has no document yet is as old as this instant, and never older than what has one. */
  isElderThan(other: Candidate, atMs: number): boolean {
    return isElder(this.#agedBeside(other, atMs), other.#agedBeside(this, atMs));
  }

  #agedBeside(other: Candidate, atMs: number): Aged {
    const created = this.stored?.doc.created ?? Math.max(atMs, other.stored?.doc.created ?? atMs);
    return { id: this.id, created };
  }
}
