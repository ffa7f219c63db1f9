// In:      what an operator says about identifiers: link, unlink, split, forget.
// Out:     the graph changed as one, identity.changed.v1 for every profile it touches, a line of history each.
// Order:   the answer comes after the change is durable and told.
// Failure: nothing is half done: whoever meets a change that was begun completes it; asking again is harmless.
import type { Identifier } from '@rapport/kernel';
import { edgeKey, observe, pairOf, type Edge } from './domain/evidence.js';
import type { HistoryEntry } from './domain/identifier-document.js';
import { alone, type Person } from './domain/person.js';
import type { MergeRules } from './domain/merge-rules.js';
import { groupBefore, pathBetween } from './domain/partition.js';
import {
  blockedIdentifier,
  contended,
  linkRefused,
  notLinked,
  sameIdentifier,
  unknownPerson,
} from './identity.errors.js';
import { refusalId, Untold, type GraphPorts, type StoredIdentifier } from './ports/graph-ports.js';
import { completeForget } from './steps/complete-forget.js';
import { findPeople, pause } from './steps/find-people.js';
import { learnEvidence } from './steps/learn-evidence.js';
import { regroupPeople, type RegroupRequest } from './steps/regroup-people.js';
import type { RootCache } from './steps/root-cache.js';
import type { Teller } from './steps/tell-changes.js';

export interface ChangePeopleParts {
  readonly ports: GraphPorts;
  readonly cache: RootCache;
  readonly teller: Teller;
}

/** What operators do; each answers the roots of the identifiers afterwards. */
export interface ChangePeople {
  link(from: Identifier, to: Identifier, reason: string): Promise<{ root: Identifier }>;
  unlink(from: Identifier, to: Identifier, reason: string): Promise<{ from: Identifier; to: Identifier }>;
  split(person: Identifier, reason: string): Promise<{ root: Identifier }>;
  forget(person: Identifier): Promise<readonly Identifier[]>;
}

const maxForgetAttempts = 100;
const personOf = (root: StoredIdentifier): Person => root.doc.person ?? alone(root.id as Identifier);

function entryOf(
  ports: GraphPorts,
  kind: HistoryEntry['kind'],
  from: Identifier,
  to: Identifier,
  reason: string,
): HistoryEntry {
  const at = ports.clock.now();
  // Told apart from the same operation at the same instant, which virtual time allows.
  const id = `${kind}:${at}:${ports.random().toString(36).slice(2, 10)}:${edgeKey({ a: from, b: to })}`;
  return { id, kind, at, from, to, reason };
}

export function createChangePeople({ ports, cache, teller }: ChangePeopleParts): ChangePeople {
  const rootOf = async (id: Identifier, untold: Untold): Promise<StoredIdentifier> => {
    const root = (await findPeople(ports, [id], untold)).rootOf.get(id);
    if (root === undefined) throw unknownPerson(id);
    return root;
  };
  const rootsOf = async (from: Identifier, to: Identifier, untold: Untold) => {
    const { rootOf: found } = await findPeople(ports, [from, to], untold);
    const [one, other] = [found.get(from), found.get(to)];
    if (one === undefined) throw unknownPerson(from);
    if (other === undefined) throw unknownPerson(to);
    return { one, other };
  };
  const tell = async (untold: Untold): Promise<void> => {
    await teller.tell(untold);
    cache.clear();
  };
  const apply = async (
    seeds: readonly Identifier[],
    request: RegroupRequest,
    untold: Untold,
  ): Promise<void> => {
    const isDone = await regroupPeople(ports, seeds, request, untold);
    await tell(untold);
    if (!isDone) throw unknownPerson(seeds[0] as Identifier);
  };

  return {
    link: async (from, to, reason) => {
      if (from === to) throw sameIdentifier(from);
      for (const id of [from, to]) if (ports.rules.isBlocked(id)) throw blockedIdentifier(id);
      const untold = new Untold();
      await learnEvidence(ports, { origins: [from, to], edges: [] }, untold);
      const { one, other } = await rootsOf(from, to, untold);
      const edge = observe(from, to, ports.clock.now(), 'api');
      const refusal =
        one.id === other.id ? undefined : refusalOf(edge, personOf(one), personOf(other), ports.rules);
      if (refusal !== undefined) {
        await tell(untold);
        throw linkRefused(refusal);
      }
      // Evidence from ahead of the clock is not there yet: the link comes before it.
      const known = personOf(one).edges.some((it) => edgeKey(it) === edgeKey(edge) && it.first <= edge.first);
      const change = known ? { lift: edge } : { add: edge, lift: edge };
      const history = known ? [] : [{ ...entryOf(ports, 'link', from, to, reason), lifts: true as const }];
      await apply([from, to], { change, kind: 'linked', reason, history }, untold);
      const after = await rootsOf(from, to, untold);
      if (after.one.id !== after.other.id)
        throw linkRefused('what came in at the same time speaks against it');
      return { root: after.one.id as Identifier };
    },

    unlink: async (from, to, reason) => {
      if (from === to) throw sameIdentifier(from);
      const untold = new Untold();
      const { one, other } = await rootsOf(from, to, untold);
      const pair = pairOf(from, to);
      const has = (edges: readonly { a: Identifier; b: Identifier }[]): boolean =>
        edges.some((it) => edgeKey(it) === edgeKey(pair));
      const isRetracted = has(personOf(one).retracted) || has(personOf(other).retracted);
      if (!isRetracted && !has(personOf(one).edges) && !has(personOf(one).refused)) {
        throw notLinked(
          from,
          to,
          one.id === other.id ? pathBetween(from, to, personOf(one).edges).map(inWords) : [],
        );
      }
      if (!isRetracted) {
        const history = [{ ...entryOf(ports, 'unlink', from, to, reason), lifts: true as const }];
        const change = { retract: [{ ...pair, at: ports.clock.now() }] };
        await apply([from, to], { change, kind: 'unlinked', reason, history }, untold);
      }
      const after = await rootsOf(from, to, untold);
      return { from: after.one.id as Identifier, to: after.other.id as Identifier };
    },

    split: async (person, reason) => {
      const untold = new Untold();
      const at = ports.clock.now();
      const { members, edges } = personOf(await rootOf(person, untold));
      const joining = edges.filter(({ a, b }) => a === person || b === person);
      const rest = members.find((id) => id !== person);
      if (joining.length > 0 && rest !== undefined) {
        const history = [entryOf(ports, 'split', person, rest, reason)];
        const change = { retract: joining.map(({ a, b }) => ({ a, b, at })) };
        await apply([person, ...members], { change, kind: 'split', reason, history }, untold);
      }
      return { root: (await rootOf(person, untold)).id as Identifier };
    },

    forget: async (person) => {
      for (let attempt = 1; attempt <= maxForgetAttempts; attempt++) {
        const untold = new Untold();
        const root = await rootOf(person, untold);
        const { members, refused } = personOf(root);
        await forgetAround(ports, members, refused, untold);
        const at = ports.clock.now();
        const doc = {
          ...root.doc,
          plan: { kind: 'forget' as const, at, reason: 'forgotten' },
          unsettled: at,
        };
        const [result] = await ports.people.write([{ id: root.id, doc, expectedVersion: root.version }]);
        if (result?.kind !== 'written') {
          await pause(ports, attempt);
          continue;
        }
        await completeForget(ports, root.id as Identifier);
        cache.clear();
        return [...members].sort();
      }
      throw contended('forget a person', maxForgetAttempts);
    },
  };
}

/**
 * Why two people cannot become one by a link of now. Evidence from ahead of the clock does not count against it: weighed
 * in its order it comes after the link.
 */
function refusalOf(edge: Edge, one: Person, other: Person, rules: MergeRules): string | undefined {
  const refusal = rules.refusal(one.members, other.members);
  if (refusal === undefined) return undefined;
  const now = [
    groupBefore(edge.a, one.members.includes(edge.a) ? one.edges : other.edges, edge, rules),
    groupBefore(edge.b, one.members.includes(edge.b) ? one.edges : other.edges, edge, rules),
  ] as const;
  return rules.refusal(...now) === undefined ? undefined : refusal;
}

const inWords = ({ a, b }: Edge): string => `${a} – ${b}`;

/** Takes the names of a person out of the evidence that others refused, and out of the list of refusals. */
async function forgetAround(
  ports: GraphPorts,
  members: readonly Identifier[],
  refused: readonly Edge[],
  untold: Untold,
): Promise<void> {
  const names = new Set(members);
  const isNamed = (pair: { a: Identifier; b: Identifier }): boolean => names.has(pair.a) || names.has(pair.b);
  const outside = [...new Set(refused.flatMap(({ a, b }) => [a, b]).filter((id) => !names.has(id)))];
  let due = outside;
  for (let attempt = 1; due.length > 0; attempt++) {
    const { rootOf } = await findPeople(ports, due, untold);
    const roots = [
      ...new Map([...rootOf.values()].flatMap((root) => (root ? [[root.id, root] as const] : []))).values(),
    ];
    const naming = roots.filter((root) =>
      [...personOf(root).refused, ...personOf(root).retracted].some(isNamed),
    );
    const results = await ports.people.write(
      naming.map((root) => {
        const person = personOf(root);
        const without = {
          ...person,
          refused: person.refused.filter((pair) => !isNamed(pair)),
          retracted: person.retracted.filter((pair) => !isNamed(pair)),
        };
        return { id: root.id, doc: { ...root.doc, person: without }, expectedVersion: root.version };
      }),
    );
    if (results.every(({ kind }) => kind === 'written')) due = [];
    else await pause(ports, attempt);
  }
  await ports.refusals.write(refused.map(({ a, b }) => ({ id: refusalId(a, b), remove: true as const })));
}
