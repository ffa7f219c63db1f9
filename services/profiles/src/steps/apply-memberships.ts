import type { IdentifiedEvent, IdentityChange } from '@rapport/contracts';
import type { Identifier, ProfileId } from '@rapport/kernel';
import { applyMembership, compareMembership, type MembershipChange } from '../domain/membership.js';
import type { HeldOrigin, Person } from '../domain/person.js';
import type { IdentifierIndex, IdentityDirectory } from '../ports/identifier-index.js';
import type { ForwardedEvent } from './apply-events.js';
import type { BatchWork } from './batch-work.js';
import type { PeopleAtHand } from './people-at-hand.js';

/** A membership as a person has it now, and what it changed. */
export interface AppliedMembership {
  readonly person: Person;
  readonly change: IdentityChange;
  readonly difference: MembershipChange;
  /** Those among the lost ones that had events. */
  readonly lostOrigins: readonly Identifier[];
}

/** Takes newer memberships over. What a person gains is read from the store: another worker wrote it. */
export async function applyMemberships(
  hand: PeopleAtHand,
  work: BatchWork,
  newer: readonly { readonly person: Person; readonly change: IdentityChange }[],
): Promise<readonly AppliedMembership[]> {
  const differences = newer.map(({ person, change }) => compareMembership(person, change));
  const gained = await hand.origins(differences.flatMap((difference) => difference.gained));
  return newer.map(({ person, change }, index) => {
    const difference = differences[index] as MembershipChange;
    const lostOrigins = difference.lost.filter((origin) => person.origins.get(origin)?.state !== undefined);
    work.change(person);
    const held = change.identifiers.map((identifier) => heldBy(person, gained, identifier));
    applyMembership(person, change, difference.lost, held);
    return { person, change, difference, lostOrigins };
  });
}

const heldBy = (
  person: Person,
  gained: ReadonlyMap<Identifier, HeldOrigin>,
  identifier: Identifier,
): HeldOrigin =>
  person.origins.get(identifier) ??
  gained.get(identifier) ?? { origin: identifier, version: 0, state: undefined };

/** A membership that was written before and may not have been told: everything about it is told once more. */
export const repeatedMembership = (person: Person, change: IdentityChange): AppliedMembership => ({
  person,
  change,
  difference: { gained: change.identifiers, lost: person.lost, lostTo: change.mergedInto ?? change.other },
  lostOrigins: person.lost,
});

/**
 * For the new owners of what left. Events that were folded here while an origin was leaving may not be in the state
 * that its new owner has read; everything folded later is passed on one by one.
 */
export function renewalsOf({
  change,
  difference: { lostTo },
  lostOrigins,
}: AppliedMembership): readonly ForwardedEvent[] {
  if (lostTo === undefined) return [];
  return lostOrigins.map((origin) => ({ owner: lostTo, event: renewalOf(origin, lostTo, change) }));
}

const renewalOf = (origin: Identifier, owner: ProfileId, change: IdentityChange): IdentifiedEvent => ({
  type: 'identify',
  messageId: `renewal:${change.profileId}:${change.membershipVersion}`,
  origin,
  identifiers: [origin],
  timestamp: change.at,
  receivedAt: change.at,
  source: 'rapport',
  profileId: owner,
  acceptedAt: { partition: -1, offset: -1 },
  folded: true,
  renewal: true,
});

/** Keeps the index from identifiers to profiles: gains point here; losses point on, unless the new owner was quicker. */
export async function indexMemberships(
  index: IdentifierIndex,
  directory: IdentityDirectory,
  memberships: readonly AppliedMembership[],
): Promise<void> {
  const gains = memberships.flatMap(({ person, change }) =>
    change.identifiers.map((identifier) => ({ identifier, owner: person.profileId })),
  );
  const losses = memberships.flatMap(({ person, change, difference }) =>
    difference.lost.map((identifier) => ({
      identifier,
      from: person.profileId,
      to: difference.lostTo,
      kind: change.kind,
    })),
  );
  if (gains.length > 0) await index.point(gains);
  if (losses.length === 0) return;
  const unsaid = losses.filter(({ to, kind }) => to === undefined && kind !== 'forgotten');
  const resolved = new Map<Identifier, ProfileId | undefined>();
  for (const { identifier } of unsaid) resolved.set(identifier, await directory.resolve(identifier));
  await index.repoint(
    losses.map(({ identifier, from, to }) => ({ identifier, from, to: to ?? resolved.get(identifier) })),
  );
}
