import { profileIdOf, type Identifier } from '@rapport/kernel';
import {
  withOutbox,
  type Claim,
  type HistoryEntry,
  type IdentifierDocument,
  type JoinPlan,
} from '../domain/identifier-document.js';
import { alone, PersonDraft } from '../domain/person.js';
import { edgeKey, type Edge } from '../domain/evidence.js';
import type { GraphPorts, StoredIdentifier, Untold } from '../ports/graph-ports.js';

/** A root whose plan is to take others in. */
export interface OpenJoin {
  readonly root: StoredIdentifier;
  readonly plan: JoinPlan;
}

/** What became of a join: the root afterwards (absent when another worker finished it first), and who came in. */
export interface JoinedPerson {
  readonly root: StoredIdentifier | undefined;
  readonly absorbed: ReadonlySet<Identifier>;
}

type Known = ReadonlyMap<string, StoredIdentifier | undefined>;

/**
 * Completes join plans, whoever began them: sets the parent of each younger root by compare-and-set on the
 * version that the plan names (the first write after that version decides for all helpers whether it joined),
 * then folds what joined into the root and takes the plan away. Two round trips for any number of plans.
 */
export async function completeJoins(
  ports: GraphPorts,
  open: readonly OpenJoin[],
  untold: Untold,
  known: Known = new Map(),
): Promise<ReadonlyMap<string, JoinedPerson>> {
  const claimed = await claim(ports, open, known);
  const finished = open.map(({ root, plan }) => {
    const absorbed = plan.joins.flatMap((join) => {
      const child = claimed.get(join.id);
      return child?.doc.parent === root.id ? [child] : [];
    });
    return { root, plan, absorbed, doc: fold(ports, root, plan, absorbed) };
  });
  const results = await ports.people.write(
    finished.map(({ root, doc }) => ({ id: root.id, doc, expectedVersion: root.version })),
  );
  const joined = new Map<string, JoinedPerson>();
  finished.forEach(({ root, absorbed, doc }, i) => {
    const result = results[i];
    const after = result?.kind === 'written' ? { id: root.id, version: result.version, doc } : undefined;
    if (after) untold.note(after);
    for (const child of absorbed) untold.note(child);
    joined.set(root.id, { root: after, absorbed: new Set(absorbed.map((child) => child.id as Identifier)) });
  });
  return joined;
}

/** Points each younger root at its elder; answers the documents as they stand afterwards. */
async function claim(
  ports: GraphPorts,
  open: readonly OpenJoin[],
  known: Known,
): Promise<Map<string, StoredIdentifier>> {
  const wanted = open.flatMap(({ root, plan }) => plan.joins.map((join) => ({ join, root, plan })));
  const unread = wanted.filter(({ join }) => !known.has(join.id)).map(({ join }) => join.id);
  const read = new Map<string, StoredIdentifier | undefined>(known);
  if (unread.length > 0)
    (await ports.people.getMany(unread)).forEach((doc, i) => read.set(unread[i] as string, doc));
  const after = new Map<string, StoredIdentifier>();
  const due = wanted.filter(({ join }) => {
    const now = read.get(join.id);
    if (now !== undefined) after.set(join.id, now);
    return (now?.version ?? 0) === join.version;
  });
  if (due.length === 0) return after;
  const docs = due.map(({ join, root, plan }) => asChild(join, read.get(join.id), root, plan));
  const results = await ports.people.write(
    due.map(({ join }, i) => ({
      id: join.id,
      doc: docs[i] as IdentifierDocument,
      expectedVersion: join.version,
    })),
  );
  const lost: string[] = [];
  due.forEach(({ join }, i) => {
    const result = results[i];
    if (result?.kind === 'written')
      after.set(join.id, { id: join.id, version: result.version, doc: docs[i] as IdentifierDocument });
    else lost.push(join.id);
  });
  if (lost.length > 0) {
    for (const doc of await ports.people.getMany(lost)) if (doc !== undefined) after.set(doc.id, doc);
  }
  return after;
}

function asChild(
  join: Claim,
  before: StoredIdentifier | undefined,
  root: StoredIdentifier,
  plan: JoinPlan,
): IdentifierDocument {
  if (before === undefined) {
    return {
      created: plan.at,
      parent: root.id as Identifier,
      membershipVersion: join.from ?? 0,
      person: null,
    };
  }
  const { membershipVersion, outbox } = before.doc;
  const told = withOutbox(
    outbox,
    {
      kind: 'merged',
      other: profileIdOf(root.id as Identifier),
      at: plan.at,
      reason: reasonOf(plan.edges[0]),
    },
    [],
  );
  const { heldBy: _void, ...kept } = before.doc;
  return {
    ...kept,
    parent: root.id as Identifier,
    membershipVersion: membershipVersion + 1,
    ...(told ? { outbox: told, unsettled: plan.at } : {}),
  };
}

/** Says in the history and in the change why two people became one. */
export const reasonOf = (edge: Edge | undefined): string =>
  edge === undefined
    ? 'seen'
    : edge.source === 'api'
      ? 'linked by an operator'
      : `seen together by ${edge.source}`;

/** The root's document once everything that joined is in it. */
function fold(
  ports: GraphPorts,
  root: StoredIdentifier,
  plan: JoinPlan,
  absorbed: readonly StoredIdentifier[],
): IdentifierDocument {
  const id = root.id as Identifier;
  const draft = new PersonDraft(root.doc.person ?? alone(id));
  const history: HistoryEntry[] = [];
  const version = root.doc.membershipVersion + 1;
  let mergedWith: Identifier | undefined;
  for (const child of absorbed) {
    const childId = child.id as Identifier;
    const edge = plan.edges.find(({ a, b }) => {
      const outside = draft.members.has(a) ? b : a;
      return (
        draft.members.has(a) !== draft.members.has(b) &&
        (child.doc.person ?? alone(childId)).members.includes(outside)
      );
    });
    const isMerge = child.doc.person !== null;
    if (isMerge) mergedWith = childId;
    history.push({
      id: `${isMerge ? 'merge' : 'link'}:${version}:${edge ? edgeKey(edge) : childId}`,
      kind: isMerge ? 'merge' : 'link',
      at: plan.at,
      from: edge?.a ?? childId,
      to: edge?.b ?? id,
      reason: reasonOf(edge),
    });
    draft.absorb(child.doc.person ?? alone(childId));
  }
  for (const edge of plan.edges)
    if (draft.members.has(edge.a) && draft.members.has(edge.b)) draft.accept(edge);
  const changed = plan.fresh || absorbed.length > 0;
  const outbox = withOutbox(
    root.doc.outbox,
    changed
      ? {
          kind: mergedWith === undefined ? 'linked' : 'merged',
          ...(mergedWith === undefined ? {} : { other: profileIdOf(mergedWith) }),
          at: plan.at,
          reason: reasonOf(plan.edges[0]),
        }
      : undefined,
    history,
  );
  const { plan: _done, outbox: _old, unsettled: _index, ...kept } = root.doc;
  return {
    ...kept,
    membershipVersion: changed ? version : root.doc.membershipVersion,
    person: draft.finish(ports.rules),
    ...(outbox ? { outbox, unsettled: plan.at } : {}),
  };
}
