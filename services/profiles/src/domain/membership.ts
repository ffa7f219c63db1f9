import type { IdentityChange } from '@rapport/contracts';
import type { Identifier, ProfileId } from '@rapport/kernel';
import { mostRemembered, type HeldOrigin, type Person } from './person.js';

/** What a membership changed. */
export interface MembershipChange {
  readonly gained: readonly Identifier[];
  readonly lost: readonly Identifier[];
  /** Where the lost ones went, as far as the change says. */
  readonly lostTo: ProfileId | undefined;
}

/** The difference between a person's identifiers and a newer membership. */
export function compareMembership(person: Person, change: IdentityChange): MembershipChange {
  const before = new Set(person.identifiers);
  const after = new Set(change.identifiers);
  return {
    gained: change.identifiers.filter((identifier) => !before.has(identifier)),
    lost: person.identifiers.filter((identifier) => !after.has(identifier)),
    lostTo: change.mergedInto ?? change.other,
  };
}

/** Takes a newer membership over, at its instant: the segments are asked anew over the origins that belong to it now. */
export function applyMembership(
  person: Person,
  change: IdentityChange,
  lost: readonly Identifier[],
  held: readonly HeldOrigin[],
): void {
  const at = Date.parse(change.at);
  person.advanceTo(Number.isNaN(at) ? person.asOfMs : at);
  const has = new Set(change.identifiers);
  person.identifiers = change.identifiers;
  person.membershipVersion = change.membershipVersion;
  person.mergedInto = change.mergedInto;
  person.lost = [...person.lost.filter((identifier) => !has.has(identifier)), ...lost].slice(-mostRemembered);
  for (const origin of person.told.keys()) {
    if (!has.has(origin) && !person.lost.includes(origin)) person.told.delete(origin);
  }
  person.holdOrigins(held);
  person.renewAll();
}
