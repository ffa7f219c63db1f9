import type { Collection, DocumentStore } from '@rapport/document-store';
import type { Identifier, ProfileId } from '@rapport/kernel';
import type { IdentifierIndex } from '../ports/identifier-index.js';
import { storeKey } from './store-key.js';

interface IdentifierDocument {
  readonly owner: ProfileId;
}

/** From identifier to profile, one document each. */
export class DocumentIdentifierIndex implements IdentifierIndex {
  private constructor(private readonly owners: Collection<IdentifierDocument>) {}

  static async open(store: DocumentStore): Promise<DocumentIdentifierIndex> {
    return new DocumentIdentifierIndex(
      await store.collection<IdentifierDocument>({ name: 'profiles.identifiers' }),
    );
  }

  async ownersOf(identifiers: readonly Identifier[]): Promise<readonly (ProfileId | undefined)[]> {
    return (await this.owners.getMany(identifiers.map(storeKey))).map((stored) => stored?.doc.owner);
  }

  async point(
    entries: readonly { readonly identifier: Identifier; readonly owner: ProfileId }[],
  ): Promise<void> {
    const known = await this.ownersOf(entries.map(({ identifier }) => identifier));
    const moved = entries.filter(({ owner }, index) => known[index] !== owner);
    await this.owners.write(
      moved.map(({ identifier, owner }) => ({ id: storeKey(identifier), doc: { owner } })),
    );
  }

  async repoint(
    entries: readonly {
      readonly identifier: Identifier;
      readonly from: ProfileId;
      readonly to: ProfileId | undefined;
    }[],
  ): Promise<void> {
    const stored = await this.owners.getMany(entries.map(({ identifier }) => storeKey(identifier)));
    // A version that moved on means that the new owner was quicker, which is as well.
    await this.owners.write(
      entries.flatMap(({ from, to }, index) => {
        const one = stored[index];
        if (one === undefined || one.doc.owner !== from || to === from) return [];
        const { id, version } = one;
        return [
          to === undefined
            ? { id, remove: true as const, expectedVersion: version }
            : { id, doc: { owner: to }, expectedVersion: version },
        ];
      }),
    );
  }
}
