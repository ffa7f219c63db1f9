import type { IdentityChange } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';

/** The newest membership of each profile: it holds the whole of it. */
export function newestByProfile(changes: readonly IdentityChange[]): readonly IdentityChange[] {
  const newest = new Map<ProfileId, IdentityChange>();
  for (const change of changes) {
    const known = newest.get(change.profileId);
    if (known === undefined || change.membershipVersion > known.membershipVersion)
      newest.set(change.profileId, change);
  }
  return [...newest.values()];
}
