import { profileIdOf, type Identifier } from '@rapport/kernel';
import {
  withOutbox,
  type IdentifierDocument,
  type Outbox,
  type RegroupPlan,
} from '../domain/identifier-document.js';
import type { Person } from '../domain/person.js';
import type { GraphPorts, StoredIdentifier, Untold } from '../ports/graph-ports.js';

interface OpenRegroup {
  readonly root: StoredIdentifier;
  readonly plan: RegroupPlan;
}

/**
 * Completes the regrouping that is planned at a root: holds the other roots of the plan at the versions it was
 * worked out on, or gives the plan up if one has moved; then writes every document, and the planning root last.
 * Until then all of them stay held, so that nobody else writes them.
 */
export async function completeRegroup(ports: GraphPorts, at: Identifier, untold: Untold): Promise<void> {
  for (;;) {
    const open = await read(ports, at);
    if (open === undefined) return;
    if (open.plan.phase === 'holding') {
      const held = await hold(ports, open);
      const { plan: _given, ...rest } = open.root.doc;
      const next: IdentifierDocument = held
        ? { ...rest, plan: { ...open.plan, phase: 'applying' } }
        : settledIndex(rest);
      const [result] = await ports.people.write([{ id: at, doc: next, expectedVersion: open.root.version }]);
      if (!held && result?.kind === 'written') return;
      continue;
    }
    if (!(await applyOthers(ports, open, untold))) continue;
    const own = ownDocument(open);
    const [result] = await ports.people.write([{ id: at, doc: own, expectedVersion: open.root.version }]);
    if (result?.kind === 'written') untold.note({ id: at, version: result.version, doc: own });
    return;
  }
}

async function read(ports: GraphPorts, at: Identifier): Promise<OpenRegroup | undefined> {
  const root = await ports.people.get(at);
  return root?.doc.plan?.kind === 'regroup' ? { root, plan: root.doc.plan } : undefined;
}

/** Without a plan, the index entry stays only for what is still to be told. */
function settledIndex(doc: IdentifierDocument): IdentifierDocument {
  if (doc.outbox !== undefined) return doc;
  const { unsettled: _index, ...rest } = doc;
  return rest;
}

async function hold(ports: GraphPorts, { root, plan }: OpenRegroup): Promise<boolean> {
  const docs = await ports.people.getMany(plan.holds.map((claim) => claim.id));
  const due = plan.holds.flatMap((claim, i) => {
    const now = docs[i];
    return now !== undefined && now.version === claim.version ? [now] : [];
  });
  await ports.people.write(
    due.map((now) => ({
      id: now.id,
      doc: { ...now.doc, heldBy: root.id as Identifier },
      expectedVersion: now.version,
    })),
  );
  const after = await ports.people.getMany(plan.holds.map((claim) => claim.id));
  return plan.holds.every(
    (claim, i) => after[i]?.doc.heldBy === root.id && after[i]?.version === claim.version + 1,
  );
}

/** Writes every document of the plan but the planning root's; false when somebody else has finished the plan. */
async function applyOthers(ports: GraphPorts, open: OpenRegroup, untold: Untold): Promise<boolean> {
  const { root, plan } = open;
  const wanted = new Map<Identifier, { readonly group: RegroupPlan['groups'][number] }>();
  for (const group of plan.groups)
    for (const id of group.person.members) if (id !== root.id) wanted.set(id, { group });
  const ids = [...wanted.keys()];
  for (;;) {
    const docs = await ports.people.getMany(ids);
    // Read after the documents: as long as the plan stands at this version, nobody but its helpers wrote them.
    if ((await ports.people.get(root.id))?.version !== root.version) return false;
    const due = docs.flatMap((now, i) => {
      const target = wanted.get(ids[i] as Identifier);
      if (now === undefined || target === undefined) return [];
      const doc = desired(now, target.group, root, plan);
      if (doc === undefined) {
        untold.note(now);
        return [];
      }
      return [{ now, doc }];
    });
    if (due.length === 0) return true;
    await ports.people.write(due.map(({ now, doc }) => ({ id: now.id, doc, expectedVersion: now.version })));
  }
}

/** The document that an identifier of the plan is to have; undefined when it has it. */
function desired(
  now: StoredIdentifier,
  group: RegroupPlan['groups'][number],
  planner: StoredIdentifier,
  plan: RegroupPlan,
): IdentifierDocument | undefined {
  if (now.doc.regroupedBy === plan.id) return undefined;
  const wasRoot = now.doc.parent === null;
  if (now.id !== group.root && !wasRoot && now.doc.parent === group.root) return undefined;
  return regrouped(now, group, planner, plan);
}

function regrouped(
  now: StoredIdentifier,
  group: RegroupPlan['groups'][number],
  planner: StoredIdentifier,
  plan: RegroupPlan,
): IdentifierDocument {
  const { heldBy: _held, plan: _plan, outbox: before, unsettled: _index, ...kept } = now.doc;
  const isRoot = now.id === group.root;
  const change = changeAt(now, group, plan);
  const outbox = withOutbox(
    before,
    change,
    isRoot ? plan.history.filter((entry) => concerns(entry, group.person)) : [],
  );
  return {
    ...kept,
    parent: isRoot ? null : group.root,
    person: isRoot ? group.person : null,
    membershipVersion: kept.membershipVersion + (change === undefined ? 0 : 1),
    regroupedBy: plan.id,
    ...(isRoot && now.id !== planner.id ? { heldBy: planner.id as Identifier } : {}),
    ...(outbox ? { outbox, unsettled: plan.at } : {}),
  };
}

const concerns = (entry: { from: Identifier; to: Identifier }, person: Person): boolean =>
  person.members.includes(entry.from) || person.members.includes(entry.to);

/** What is to be told about the profile of this identifier; undefined when nothing changes for it. */
function changeAt(
  now: StoredIdentifier,
  group: RegroupPlan['groups'][number],
  plan: RegroupPlan,
): Outbox['change'] {
  const wasRoot = now.doc.parent === null;
  if (now.id !== group.root) {
    return wasRoot
      ? { kind: 'merged', other: profileIdOf(group.root), at: plan.at, reason: plan.reason }
      : undefined;
  }
  const before = wasRoot ? new Set(now.doc.person?.members ?? []) : undefined;
  if (before?.size === group.person.members.length && group.person.members.every((id) => before.has(id)))
    return undefined;
  const grew = before !== undefined && [...before].every((id) => group.person.members.includes(id));
  const kind = grew ? 'merged' : plan.change === 'linked' ? 'split' : plan.change;
  // Named only where there is one: of several, each says by itself what it has now.
  const others = plan.groups.filter(({ root }) => root !== group.root);
  const other = others.length === 1 ? others[0]?.root : undefined;
  return {
    kind,
    ...(other === undefined ? {} : { other: profileIdOf(other) }),
    at: plan.at,
    reason: plan.reason,
  };
}

/** The planning root's document, plan and all gone. */
function ownDocument({ root, plan }: OpenRegroup): IdentifierDocument {
  const group = plan.groups.find(({ person }) => person.members.includes(root.id as Identifier));
  if (group === undefined) throw new Error(`regroup plan ${plan.id} leaves its own root out`);
  return regrouped(root, group, root, plan);
}
