import type { Identifier } from '@rapport/kernel';
import { Candidate } from '../domain/candidate.js';
import type { Edge } from '../domain/evidence.js';
import { withOutbox, type IdentifierDocument, type JoinPlan } from '../domain/identifier-document.js';
import { weighEvidence, type KnownPair } from '../domain/weigh-evidence.js';
import { contended } from '../identity.errors.js';
import type { GraphPorts, StoredIdentifier, Untold } from '../ports/graph-ports.js';
import { completeJoins, type OpenJoin } from './complete-joins.js';
import { forgottenVersions } from './complete-plans.js';
import { findPeople, pause } from './find-people.js';
import { regroupPeople } from './regroup-people.js';

/** What a batch of events says about who is who. */
export interface Evidence {
  /** Identifiers that must have a person, whether anything is seen with them or not. */
  readonly origins: readonly Identifier[];
  /** At most one edge per pair. */
  readonly edges: readonly Edge[];
}

/** What has been learnt and is durable. */
export interface Learnt {
  /** The root of each identifier that was named. */
  readonly rootOf: ReadonlyMap<Identifier, Identifier>;
  /** How the pairs stand now. */
  readonly known: readonly KnownPair[];
}

interface Round {
  readonly rootOf: ReadonlyMap<Identifier, Identifier>;
  readonly known: readonly KnownPair[];
  readonly rest: Evidence;
  readonly regrouped: boolean;
}

const maxRounds = 100;

/**
 * Learns evidence: joins people that may be one, remembers what is refused, and makes people for origins that
 * have none. Works in rounds; what another worker's change made void is weighed again in the next. Evidence that
 * arrives after later evidence that it contradicts is left to regroupPeople.
 */
export async function learnEvidence(ports: GraphPorts, evidence: Evidence, untold: Untold): Promise<Learnt> {
  const known: KnownPair[] = [];
  const ids = [...new Set([...evidence.origins, ...evidence.edges.flatMap(({ a, b }) => [a, b])])];
  let rest: Evidence = { ...evidence, edges: [...evidence.edges].sort((x, y) => ports.rules.order(x, y)) };
  for (let round = 1; round <= maxRounds; round++) {
    const result = await learnRound(ports, rest, untold);
    known.push(...result.known);
    rest = result.rest;
    if (rest.edges.length === 0 && rest.origins.length === 0) {
      if (round === 1 && !result.regrouped) return { rootOf: result.rootOf, known };
      return { rootOf: await rootsOf(ports, ids, untold), known };
    }
    if (round > 3) await pause(ports, round);
  }
  throw contended(`learn ${rest.edges.length} link(s)`, maxRounds);
}

async function rootsOf(
  ports: GraphPorts,
  ids: readonly Identifier[],
  untold: Untold,
): Promise<ReadonlyMap<Identifier, Identifier>> {
  const roots = new Map<Identifier, Identifier>();
  for (const [id, root] of (await findPeople(ports, ids, untold)).rootOf)
    if (root) roots.set(id, root.id as Identifier);
  return roots;
}

async function learnRound(ports: GraphPorts, evidence: Evidence, untold: Untold): Promise<Round> {
  const { origins, edges } = evidence;
  const ids = [...new Set([...origins, ...edges.flatMap(({ a, b }) => [a, b])])];
  const { rootOf: found } = await findPeople(ports, ids, untold);
  const candidates = new Map<string, Candidate>();
  const candidateOf = (id: Identifier): Candidate => {
    const root = found.get(id);
    const key = root?.id ?? id;
    let candidate = candidates.get(key);
    if (candidate === undefined) candidates.set(key, (candidate = new Candidate(key as Identifier, root)));
    return candidate;
  };
  const at = ports.clock.now();
  const weighing = weighEvidence(edges, candidateOf, ports.rules, at);
  for (const id of origins) {
    const candidate = candidateOf(id);
    if (candidate.stored === undefined && candidate.joinedTo === undefined) candidate.dirty = true;
  }
  await writeCandidates(ports, [...candidates.values()], at, untold);
  const missed: Edge[] = [];
  for (const edge of weighing.contrary) {
    const reason = `seen together by ${edge.source}, before what spoke against it`;
    const request = { change: { add: edge }, kind: 'linked' as const, reason };
    if (!(await regroupPeople(ports, [edge.a, edge.b], request, untold))) missed.push(edge);
  }
  const isDone = (touches: readonly Candidate[]): boolean => touches.every(({ outcome }) => outcome !== null);
  const done = weighing.weighed.filter(({ touches }) => isDone(touches));
  const undone = weighing.weighed.filter(({ touches }) => !isDone(touches));
  const rootOf = new Map<Identifier, Identifier>();
  for (const id of ids) {
    const { outcome } = candidateOf(id);
    if (outcome !== null) rootOf.set(id, outcome);
  }
  return {
    rootOf,
    known: done.map(({ known }) => known),
    rest: {
      origins: origins.filter((id) => !rootOf.has(id)),
      edges: [...undone.map(({ edge }) => edge), ...weighing.deferred, ...missed],
    },
    regrouped: weighing.contrary.length > 0,
  };
}

/** Writes what a round decided: changed roots and join plans in one round trip, then the joins in two. */
async function writeCandidates(
  ports: GraphPorts,
  candidates: readonly Candidate[],
  at: number,
  untold: Untold,
): Promise<void> {
  const changed = candidates.filter((it) => it.joinedTo === undefined && (it.dirty || it.joins.length > 0));
  if (changed.length === 0) return;
  const made = candidates.filter(
    (it) => it.stored === undefined && (it.joinedTo !== undefined || changed.includes(it)),
  );
  const counts = await forgottenVersions(
    ports,
    made.map(({ id }) => id),
  );
  const docs = changed.map((it) => documentOf(ports, it, counts, at));
  const results = await ports.people.write(
    changed.map((it, i) => ({
      id: it.id,
      doc: docs[i] as IdentifierDocument,
      expectedVersion: it.stored?.version ?? 0,
    })),
  );
  const open: OpenJoin[] = [];
  const known = new Map<string, StoredIdentifier | undefined>();
  changed.forEach((it, i) => {
    const [result, doc] = [results[i], docs[i]];
    if (result?.kind !== 'written' || doc === undefined) {
      for (const failed of [it, ...it.joins]) failed.outcome = null;
      return;
    }
    const root = { id: it.id, version: result.version, doc };
    if (doc.plan?.kind !== 'join') return untold.note(root);
    open.push({ root, plan: doc.plan });
    for (const join of it.joins) known.set(join.id, join.stored);
  });
  if (open.length === 0) return;
  const joined = await completeJoins(ports, open, untold, known);
  for (const it of changed) {
    const person = joined.get(it.id);
    if (person === undefined) continue;
    if (person.root === undefined) it.outcome = null;
    for (const join of it.joins) join.outcome = person.root && person.absorbed.has(join.id) ? it.id : null;
  }
}

/** The document of a changed root: its own changes, and the plan where others are to join it. */
function documentOf(
  ports: GraphPorts,
  it: Candidate,
  counts: ReadonlyMap<Identifier, number>,
  at: number,
): IdentifierDocument {
  const before: IdentifierDocument = it.stored?.doc ?? {
    created: at,
    parent: null,
    membershipVersion: counts.get(it.id) ?? 0,
    person: null,
  };
  const isNew = it.stored === undefined;
  const { outbox: told, unsettled: _index, ...kept } = before;
  const person = it.draft.finish(ports.rules);
  if (it.joins.length === 0) {
    const change = isNew ? { kind: 'linked' as const, at, reason: 'seen' } : undefined;
    const outbox = withOutbox(told, change, it.history);
    return {
      ...kept,
      person,
      membershipVersion: kept.membershipVersion + (isNew ? 1 : 0),
      ...(outbox ? { outbox, unsettled: at } : {}),
    };
  }
  const joins = it.joins.map((join) => ({
    id: join.id,
    version: join.stored?.version ?? 0,
    ...(counts.has(join.id) ? { from: counts.get(join.id) ?? 0 } : {}),
  }));
  const plan: JoinPlan = { kind: 'join', joins, edges: it.joinEdges, at, fresh: isNew };
  const outbox = withOutbox(told, undefined, it.history);
  return { ...kept, person, plan, unsettled: at, ...(outbox ? { outbox } : {}) };
}
