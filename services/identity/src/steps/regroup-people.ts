import type { Identifier } from '@rapport/kernel';
import { isElder, type Aged, type HistoryEntry, type RegroupPlan } from '../domain/identifier-document.js';
import { edgeKey } from '../domain/evidence.js';
import { alone, type Person } from '../domain/person.js';
import { regroup, samePerson, type EvidenceChange, type Regrouping } from '../domain/regroup.js';
import { contended } from '../identity.errors.js';
import type { GraphPorts, StoredIdentifier, Untold } from '../ports/graph-ports.js';
import { completeRegroup } from './complete-regroup.js';
import { findPeople, pause } from './find-people.js';

/** A change of evidence that may divide people anew, and what is to be told about it. */
export interface RegroupRequest {
  readonly change: EvidenceChange;
  readonly kind: RegroupPlan['change'];
  readonly reason: string;
  readonly history?: readonly HistoryEntry[];
}

const maxAttempts = 100;
/** Identifiers weighed at once at most; people beyond stay as they are (README, limits). */
const maxWeighed = 20_000;

/**
 * Divides the people of some identifiers anew after a change of evidence, together with whoever that touches
 * through refused evidence. Done when working it out once more on what is then stored changes nothing: two
 * workers that regroup neighbours at the same time cannot both miss what the other did. Answers false where an
 * identifier of the evidence to add has no document yet.
 */
export async function regroupPeople(
  ports: GraphPorts,
  seeds: readonly Identifier[],
  request: RegroupRequest,
  untold: Untold,
): Promise<boolean> {
  let due: RegroupRequest = request;
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const scope = await gatherScope(ports, seeds, due.change, untold);
    if (!hasBoth(scope, due.change.add)) return false;
    if (isUnchanged(scope)) return true;
    const planner = eldestOf([...scope.roots.values()]);
    const groups = await withRoots(ports, scope);
    const at = ports.clock.now();
    const plan: RegroupPlan = {
      kind: 'regroup',
      phase: 'holding',
      id: `${planner.id}@${planner.version}`,
      holds: [...scope.roots.values()]
        .filter((root) => root !== planner)
        .map(({ id, version }) => ({ id: id as Identifier, version })),
      groups,
      change: due.kind,
      reason: due.reason,
      history: [...(due.history ?? []), ...historyOf(scope.regrouping, at)],
      at,
    };
    const doc = { ...planner.doc, plan, unsettled: at };
    const [result] = await ports.people.write([{ id: planner.id, doc, expectedVersion: planner.version }]);
    if (result?.kind === 'written') {
      await completeRegroup(ports, planner.id as Identifier, untold);
      if (await isInForce(ports, planner.id, plan.id)) due = { ...request, change: {}, history: [] };
    }
    if (attempt > 2) await pause(ports, attempt);
  }
  throw contended('divide people anew', maxAttempts);
}

/** What weighing anew changed about single pairs. */
function historyOf(regrouping: Regrouping, at: number): HistoryEntry[] {
  return [
    ...regrouping.newlyRefused.map(({ edge, reason }) => ({
      id: `refuse:${edgeKey(edge)}`,
      kind: 'refuse' as const,
      at,
      from: edge.a,
      to: edge.b,
      reason: `${reason} (${edge.source})`,
    })),
    ...regrouping.newlyAccepted.map((edge) => ({
      id: `link:${at}:${edgeKey(edge)}`,
      kind: 'link' as const,
      at,
      from: edge.a,
      to: edge.b,
      reason: 'what spoke against it is gone',
      lifts: true as const,
    })),
  ];
}

async function isInForce(ports: GraphPorts, planner: string, planId: string): Promise<boolean> {
  return (await ports.people.get(planner))?.doc.regroupedBy === planId;
}

interface Scope {
  readonly roots: ReadonlyMap<Identifier, StoredIdentifier>;
  readonly people: ReadonlyMap<Identifier, Person>;
  readonly regrouping: Regrouping;
}

const personOf = (root: StoredIdentifier): Person => root.doc.person ?? alone(root.id as Identifier);

/** The people that a change divides anew: those it names, and as many of those that refused evidence leads to as come out differently. */
async function gatherScope(
  ports: GraphPorts,
  seeds: readonly Identifier[],
  change: EvidenceChange,
  untold: Untold,
): Promise<Scope> {
  const roots = new Map<Identifier, StoredIdentifier>();
  const take = async (ids: readonly Identifier[]): Promise<Map<Identifier, StoredIdentifier>> => {
    const taken = new Map<Identifier, StoredIdentifier>();
    for (const root of (await findPeople(ports, ids, untold)).rootOf.values()) {
      if (root !== undefined) taken.set(root.id as Identifier, root);
    }
    return taken;
  };
  let scopeIds: readonly Identifier[] = seeds;
  for (;;) {
    roots.clear();
    for (const [id, root] of await take(scopeIds)) roots.set(id, root);
    const people = new Map([...roots].map(([id, root]) => [id, personOf(root)]));
    const members = new Set([...people.values()].flatMap((person) => person.members));
    const outside = new Set(
      [...people.values()]
        .flatMap(({ refused }) => refused.flatMap(({ a, b }) => [a, b]))
        .filter((id) => !members.has(id)),
    );
    const around = new Map([...(await take([...outside]))].map(([id, root]) => [id, personOf(root)]));
    for (const id of roots.keys()) around.delete(id);
    const regrouping = regroup(people, around, change, ports.rules);
    if (regrouping.touched.length === 0 || members.size > maxWeighed) return { roots, people, regrouping };
    scopeIds = [...seeds, ...roots.keys(), ...regrouping.touched];
  }
}

function hasBoth({ people }: Scope, edge: EvidenceChange['add']): boolean {
  const has = (id: Identifier): boolean => [...people.values()].some(({ members }) => members.includes(id));
  return edge === undefined || (has(edge.a) && has(edge.b));
}

function isUnchanged(scope: Scope): boolean {
  const { groups } = scope.regrouping;
  if (groups.length !== scope.people.size) return false;
  const people = [...scope.people.values()];
  return groups.every((group) => people.some((person) => samePerson(person, group)));
}

/** Gives each group its root: the eldest root that is in it, else the eldest identifier, one that was a root before first. */
async function withRoots(ports: GraphPorts, scope: Scope): Promise<RegroupPlan['groups']> {
  const rootless = scope.regrouping.groups.filter(
    (group) => !group.members.some((id) => scope.roots.has(id)),
  );
  const docs = new Map<string, StoredIdentifier>();
  const ids = rootless.flatMap((group) => group.members);
  if (ids.length > 0) {
    for (const doc of await ports.people.getMany(ids)) if (doc !== undefined) docs.set(doc.id, doc);
  }
  return scope.regrouping.groups.map((person) => {
    const roots = person.members.flatMap((id) => scope.roots.get(id) ?? []);
    const known = person.members.flatMap((id) => docs.get(id) ?? []);
    const wereRoots = known.filter(({ doc }) => doc.membershipVersion > 0);
    const choice = roots.length > 0 ? roots : wereRoots.length > 0 ? wereRoots : known;
    return { root: eldestOf(choice).id as Identifier, person };
  });
}

const eldestOf = (some: readonly StoredIdentifier[]): StoredIdentifier =>
  some.reduce((one, other) => (isElder(aged(one), aged(other)) ? one : other));

const aged = ({ id, doc }: StoredIdentifier): Aged => ({
  id: id as Identifier,
  created: doc.created,
});
