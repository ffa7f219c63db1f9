import { profileIdOf, type Identifier } from '@rapport/kernel';
import type { RegroupPlan } from '../domain/identifier-document.js';
import type { GraphPorts, StoredIdentifier, Untold } from '../ports/graph-ports.js';
import { completeForget } from './complete-forget.js';
import { completeJoins, type OpenJoin } from './complete-joins.js';
import { completeRegroup } from './complete-regroup.js';

/**
 * Completes whatever has been begun at these roots, by this worker or by one that may have died. Any number of
 * workers may do it side by side: each write names the version it read, so that it is done once.
 */
export async function completePlans(
  ports: GraphPorts,
  roots: readonly StoredIdentifier[],
  untold: Untold,
): Promise<void> {
  const joins: OpenJoin[] = [];
  for (const root of roots) {
    const { plan } = root.doc;
    if (plan?.kind === 'join') joins.push({ root, plan });
    if (plan?.kind === 'regroup') await completeRegroup(ports, root.id as Identifier, untold);
    if (plan?.kind === 'forget') await completeForget(ports, root.id as Identifier);
  }
  if (joins.length > 0) await completeJoins(ports, joins, untold);
}

/** Whether a root that says it is held really is: a hold is void once the plan it waits for is gone. */
export function isHeld(root: StoredIdentifier, holder: StoredIdentifier | undefined): boolean {
  const plan = holder?.doc.plan;
  if (root.doc.heldBy === undefined || plan?.kind !== 'regroup') return false;
  return plan.phase === 'holding' ? isHeldAsPlanned(plan, root) : writesRoot(plan, root.id);
}

const isHeldAsPlanned = (plan: RegroupPlan, root: StoredIdentifier): boolean =>
  plan.holds.some((hold) => hold.id === root.id && hold.version === root.version - 1);

const writesRoot = (plan: RegroupPlan, id: string): boolean =>
  plan.holds.some((hold) => hold.id === id) || plan.groups.some((group) => group.root === id);

/** The count from which a membership goes on for identifiers that have no document, by identifier; only those that were forgotten once. */
export async function forgottenVersions(
  ports: GraphPorts,
  ids: readonly Identifier[],
): Promise<ReadonlyMap<Identifier, number>> {
  const versions = new Map<Identifier, number>();
  if (ids.length === 0) return versions;
  const found = await ports.forgotten.getMany(ids.map(profileIdOf));
  found.forEach((stored, i) => {
    if (stored !== undefined) versions.set(ids[i] as Identifier, stored.doc.membershipVersion);
  });
  return versions;
}
