// In:      questions about who is who.
// Out:     the profile of an identifier, the graph around a person with its history, what merge protection refused.
// Order:   an answer is never half of a change: one that was begun is completed first.
// Failure: an identifier that was never seen is IDENTITY_UNKNOWN.
import { profileIdOf, type Identifier, type ProfileId } from '@rapport/kernel';
import type { Edge } from './domain/evidence.js';
import type { HistoryEntry } from './domain/identifier-document.js';
import { alone } from './domain/person.js';
import { unknownPerson } from './identity.errors.js';
import { Untold, type GraphPorts, type RefusalRecord } from './ports/graph-ports.js';
import { findPeople } from './steps/find-people.js';
import { maxHistory, type Teller } from './steps/tell-changes.js';

export interface ResolvedPerson {
  readonly profileId: ProfileId;
  readonly identifiers: readonly Identifier[];
}

export interface PersonGraph extends ResolvedPerson {
  readonly edges: readonly Edge[];
  readonly history: readonly (HistoryEntry & { readonly profileId: ProfileId })[];
}

export interface ReadPeople {
  resolve(person: Identifier): Promise<ResolvedPerson>;
  graphOf(person: Identifier): Promise<PersonGraph>;
  refusals(limit: number): Promise<readonly (RefusalRecord & { readonly profileId: ProfileId })[]>;
}

export function createReadPeople(ports: GraphPorts, teller: Teller): ReadPeople {
  const find = async (person: Identifier) => {
    const untold = new Untold();
    const root = (await findPeople(ports, [person], untold)).rootOf.get(person);
    if (root === undefined) throw unknownPerson(person);
    await teller.tell(untold);
    const id = root.id as Identifier;
    return { doc: root.doc, id, person: root.doc.person ?? alone(id) };
  };
  return {
    resolve: async (person) => {
      const { id, person: found } = await find(person);
      return { profileId: profileIdOf(id), identifiers: [...found.members].sort() };
    },
    graphOf: async (person) => {
      // What was told but not yet written down belongs to the history too.
      await teller.settle();
      const { id, doc, person: found } = await find(person);
      const profiles = found.members.map(profileIdOf);
      const histories = await ports.histories.getMany(profiles);
      const entries = new Map<string, HistoryEntry & { profileId: ProfileId }>();
      const add = (profileId: ProfileId, kept: readonly HistoryEntry[]): void => {
        for (const entry of kept) if (!entries.has(entry.id)) entries.set(entry.id, { ...entry, profileId });
      };
      histories.forEach((history, i) => add(profiles[i] as ProfileId, history?.doc.entries ?? []));
      add(profileIdOf(id), doc.outbox?.history ?? []);
      return {
        profileId: profileIdOf(id),
        identifiers: [...found.members].sort(),
        edges: [...found.edges].sort((x, y) => ports.rules.order(x, y)),
        history: [...entries.values()].sort((x, y) => x.at - y.at).slice(-maxHistory),
      };
    },
    refusals: async (limit) => {
      const newest = await ports.refusals.scan('at', { reverse: true, limit });
      const { rootOf } = await findPeople(
        ports,
        newest.map(({ doc }) => doc.from),
        new Untold(),
      );
      return newest.map(({ doc }) => ({
        ...doc,
        profileId: profileIdOf((rootOf.get(doc.from)?.id as Identifier | undefined) ?? doc.from),
      }));
    },
  };
}
