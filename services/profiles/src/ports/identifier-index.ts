import type { Identifier, ProfileId } from '@rapport/kernel';

/** Which profile an identifier belongs to, as the memberships read so far say. */
export interface IdentifierIndex {
  ownersOf(identifiers: readonly Identifier[]): Promise<readonly (ProfileId | undefined)[]>;
  /** Points identifiers at a profile that gained them. */
  point(entries: readonly { readonly identifier: Identifier; readonly owner: ProfileId }[]): Promise<void>;
  /** Points an identifier elsewhere (or nowhere) if it still points at the profile that lost it. */
  repoint(
    entries: readonly {
      readonly identifier: Identifier;
      readonly from: ProfileId;
      readonly to: ProfileId | undefined;
    }[],
  ): Promise<void>;
}

/** Who an identifier belongs to by the authority, the identity room; asked only where the index cannot know. */
export interface IdentityDirectory {
  resolve(identifier: Identifier): Promise<ProfileId | undefined>;
}
