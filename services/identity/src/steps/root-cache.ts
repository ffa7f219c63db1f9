import { LRUCache } from 'lru-cache';
import { profileIdOf, type Clock, type Identifier, type ProfileId } from '@rapport/kernel';
import { dayOf, pairOf, edgeKey } from '../domain/evidence.js';
import type { IdentifierDocument } from '../domain/identifier-document.js';
import type { KnownPair } from '../domain/weigh-evidence.js';

interface KnownIdentifier {
  root: Identifier;
  profileId: ProfileId;
  readMs: number;
}

export interface RootCacheOptions {
  /** Identifiers and pairs kept, each. */
  readonly entries: number;
  /** After this long an identifier is read again, because another process may have changed it. */
  readonly trustMs: number;
}

/**
 * What this process knows of the graph: which root an identifier leads to, and which pairs need no store. What
 * this process does is entered at once. What another one did shows after `trustMs` at the latest; until then
 * events go to the profile as it was, and the profiles room passes them on to the present owner.
 */
export class RootCache {
  readonly #identifiers: LRUCache<Identifier, KnownIdentifier>;
  readonly #pairs: LRUCache<string, { first: number; lastDay: number }>;

  constructor(
    readonly clock: Clock,
    readonly options: RootCacheOptions,
  ) {
    this.#identifiers = new LRUCache({ max: options.entries });
    this.#pairs = new LRUCache({ max: options.entries });
  }

  profileOf(id: Identifier): ProfileId | undefined {
    const known = this.#identifiers.get(id);
    if (known === undefined || this.clock.now() - known.readMs > this.options.trustMs) return undefined;
    if (known.root === id) return known.profileId;
    // The root's own entry says whether it still is one.
    const root = this.#identifiers.get(known.root);
    if (root === undefined) return undefined;
    if (root.root === known.root) return known.profileId;
    const profileId = this.profileOf(known.root);
    if (profileId !== undefined) Object.assign(known, { root: root.root, profileId });
    return profileId;
  }

  /** Whether evidence for a pair at this instant would change nothing that is stored. */
  isKnown(x: Identifier, y: Identifier, atMs: number): boolean {
    const pair = this.#pairs.get(edgeKey(pairOf(x, y)));
    return pair !== undefined && pair.first <= atMs && dayOf(atMs) <= pair.lastDay;
  }

  learn(rootOf: ReadonlyMap<Identifier, Identifier>, pairs: readonly KnownPair[]): void {
    const readMs = this.clock.now();
    const enter = (id: Identifier, root: Identifier): void => {
      this.#identifiers.set(id, { root, profileId: profileIdOf(root), readMs });
    };
    for (const [id, root] of rootOf) {
      enter(id, root);
      if (root !== id) enter(root, root);
    }
    for (const pair of pairs) {
      const lastDay = Number.isFinite(pair.last) ? dayOf(pair.last) : Infinity;
      this.#pairs.set(edgeKey(pair), { first: pair.first, lastDay });
    }
  }

  /** Roots that were written: whoever of their members is known here follows. */
  refresh(roots: readonly { readonly id: string; readonly doc: IdentifierDocument }[]): void {
    const moved = new Map<Identifier, Identifier>();
    for (const { id, doc } of roots) {
      if (doc.parent !== null) continue;
      for (const member of doc.person?.members ?? []) {
        const known = this.#identifiers.peek(member);
        if (known !== undefined && known.root !== id) moved.set(member, id as Identifier);
      }
    }
    if (moved.size > 0) this.learn(moved, []);
  }

  /** An operator changed something: everything is read again. */
  clear(): void {
    this.#identifiers.clear();
    this.#pairs.clear();
  }
}
