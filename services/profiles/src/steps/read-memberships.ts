import { decodeJson, type IdentityChange } from '@rapport/contracts';
import { messageOf, pass, reject, type Outcome, type ProfileId } from '@rapport/kernel';
import { profilesErrors } from '../profiles.errors.js';

/** Reads a record of `identity.changed.v1`. */
export function readMembership({ bytes }: { readonly bytes: Uint8Array }): Outcome<IdentityChange> {
  let change: IdentityChange;
  try {
    change = decodeJson<IdentityChange>(bytes);
  } catch (thrown) {
    return reject(profilesErrors.recordUnreadable, `expected JSON; ${messageOf(thrown)}`);
  }
  if (
    typeof change.profileId !== 'string' ||
    !Number.isSafeInteger(change.membershipVersion) ||
    !Array.isArray(change.identifiers) ||
    Number.isNaN(Date.parse(change.at))
  ) {
    return reject(
      profilesErrors.recordUnreadable,
      'expected profileId as text, membershipVersion as a whole number, identifiers as a list and at as an ISO 8601 instant',
    );
  }
  return pass(change);
}

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
