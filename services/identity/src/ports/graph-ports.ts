import type { Collection, Stored } from '@rapport/document-store';
import type { IdentityChange } from '@rapport/contracts';
import { profileIdOf, type Clock, type Identifier, type Random } from '@rapport/kernel';
import { pairOf } from '../domain/evidence.js';
import type { ForgottenProfile, HistoryEntry, IdentifierDocument } from '../domain/identifier-document.js';
import type { MergeRules } from '../domain/merge-rules.js';

export type StoredIdentifier = Stored<IdentifierDocument>;

/** The history of one profile, its newest entries last. */
export interface ProfileHistory {
  readonly entries: readonly HistoryEntry[];
}

/** A link that merge protection refuses now. */
export interface RefusalRecord {
  readonly at: number;
  readonly from: Identifier;
  readonly to: Identifier;
  readonly reason: string;
}

/** What the steps of the graph need from outside. */
export interface GraphPorts {
  /** By identifier. */
  readonly people: Collection<IdentifierDocument>;
  /** By profileId. */
  readonly forgotten: Collection<ForgottenProfile>;
  /** By profileId. */
  readonly histories: Collection<ProfileHistory>;
  /** By pair, see refusalId. */
  readonly refusals: Collection<RefusalRecord>;
  readonly rules: MergeRules;
  readonly clock: Clock;
  /** Spreads the tries of workers that got into each other's way. */
  readonly random: Random;
  /** Appends identity.changed records; resolves when they are durable. */
  readonly announce: (changes: readonly IdentityChange[]) => Promise<void>;
}

/** Documents that still have something to tell, as met or written on the way; the newest version of each. */
export class Untold {
  readonly #docs = new Map<string, StoredIdentifier>();

  note(stored: StoredIdentifier): void {
    if (stored.doc.outbox === undefined) {
      if ((this.#docs.get(stored.id)?.version ?? Infinity) < stored.version) this.#docs.delete(stored.id);
      return;
    }
    if ((this.#docs.get(stored.id)?.version ?? 0) < stored.version) this.#docs.set(stored.id, stored);
  }

  all(): readonly StoredIdentifier[] {
    return [...this.#docs.values()];
  }
}

/** The id of a refusal, whichever way round the pair is given. */
export function refusalId(from: Identifier, to: Identifier): string {
  const { a, b } = pairOf(from, to);
  return `${profileIdOf(a)}.${profileIdOf(b)}`;
}
