import type { Identifier } from '@rapport/kernel';
import { alone } from '../domain/person.js';
import { contended } from '../identity.errors.js';
import type { GraphPorts, StoredIdentifier, Untold } from '../ports/graph-ports.js';
import { completePlans, isHeld } from './complete-plans.js';

/** Where identifiers lead: each to its root, none of which has a change in hand. */
export interface FoundPeople {
  /** Undefined: the identifier has no document. */
  readonly rootOf: ReadonlyMap<Identifier, StoredIdentifier | undefined>;
}

const maxAttempts = 200;
/** From this try on, a chain that leads to nothing is not one that is being changed: its root was forgotten. */
const orphanAfterAttempts = 20;

/**
 * Follows identifiers to their roots, all of them one level per round trip. A change that is found begun is
 * completed first, so that the answer is never half of one.
 */
export async function findPeople(
  ports: GraphPorts,
  ids: readonly Identifier[],
  untold: Untold,
): Promise<FoundPeople> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const docs = await readChains(ports, ids);
    const roots = new Map<string, StoredIdentifier>();
    const rootOf = new Map<Identifier, StoredIdentifier | undefined>();
    for (const id of ids) {
      const root = follow(id, docs);
      rootOf.set(id, root);
      if (root !== undefined) roots.set(root.id, root);
    }
    const busy = await busyRoots(ports, [...roots.values()]);
    if (busy.length > 0) {
      await completePlans(ports, busy, untold);
      continue;
    }
    const orphans = ids.flatMap((id) => (rootOf.get(id) === undefined ? (docs.get(id) ?? []) : []));
    if (orphans.length > 0 || isTorn(rootOf)) {
      if (attempt >= orphanAfterAttempts) await removeOrphans(ports, orphans);
      await pause(ports, attempt);
      continue;
    }
    for (const root of roots.values()) untold.note(root);
    for (const [id, root] of rootOf) if (root?.doc.heldBy !== undefined) rootOf.set(id, withoutHold(root));
    return { rootOf };
  }
  throw contended(`find ${ids.length} identifier(s)`, maxAttempts);
}

async function readChains(
  ports: GraphPorts,
  ids: readonly Identifier[],
): Promise<ReadonlyMap<string, StoredIdentifier | undefined>> {
  const docs = new Map<string, StoredIdentifier | undefined>();
  let next: Identifier[] = [...new Set(ids)];
  while (next.length > 0) {
    const found = await ports.people.getMany(next);
    const parents = new Set<Identifier>();
    next.forEach((id, i) => docs.set(id, found[i]));
    for (const stored of found) {
      const parent = stored?.doc.parent;
      if (parent !== undefined && parent !== null && !docs.has(parent)) parents.add(parent);
    }
    next = [...parents];
  }
  return docs;
}

/** The root of an identifier among documents that were read one after another; a chain that a change cut ends where it was cut. */
function follow(
  id: Identifier,
  docs: ReadonlyMap<string, StoredIdentifier | undefined>,
): StoredIdentifier | undefined {
  let at = docs.get(id);
  for (let hops = 0; hops <= docs.size; hops++) {
    const parent = at?.doc.parent;
    if (parent === undefined || parent === null) return at;
    at = docs.get(parent);
  }
  return at;
}

async function busyRoots(ports: GraphPorts, roots: readonly StoredIdentifier[]): Promise<StoredIdentifier[]> {
  const busy = new Map(roots.filter((root) => root.doc.plan !== undefined).map((root) => [root.id, root]));
  const held = roots.filter((root) => root.doc.heldBy !== undefined);
  if (held.length > 0) {
    const holders = await ports.people.getMany(held.map((root) => root.doc.heldBy as string));
    held.forEach((root, i) => {
      const holder = holders[i];
      if (holder !== undefined && isHeld(root, holder)) busy.set(holder.id, holder);
    });
  }
  return [...busy.values()];
}

/** Read while a change went through: an identifier leads to a root that does not know it, or to nothing. */
function isTorn(rootOf: ReadonlyMap<Identifier, StoredIdentifier | undefined>): boolean {
  for (const [id, root] of rootOf) {
    if (root === undefined || root.id === id) continue;
    if (root.doc.parent !== null || !(root.doc.person ?? alone(id)).members.includes(id)) return true;
  }
  return false;
}

function withoutHold(root: StoredIdentifier): StoredIdentifier {
  const { heldBy: _void, ...doc } = root.doc;
  return { ...root, doc };
}

async function removeOrphans(ports: GraphPorts, orphans: readonly StoredIdentifier[]): Promise<void> {
  await ports.people.write(
    orphans.map(({ id, version }) => ({ id, remove: true as const, expectedVersion: version })),
  );
}

/** Waits a little longer with each try, by a random share, so that two workers do not keep step. */
export async function pause(ports: GraphPorts, attempt: number): Promise<void> {
  const ms = ports.random() * Math.min(50, 2 ** Math.min(attempt, 6));
  await new Promise((resolve) => setTimeout(resolve, ms));
}
