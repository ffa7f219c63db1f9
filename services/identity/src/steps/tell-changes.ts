import { profileIdOf, sparing, type Identifier } from '@rapport/kernel';
import type { IdentityChange } from '@rapport/contracts';
import { changeOf, type HistoryEntry } from '../domain/identifier-document.js';
import { refusalId, type GraphPorts, type StoredIdentifier, type Untold } from '../ports/graph-ports.js';
import { isHeld } from './complete-plans.js';
import type { SetAside } from './set-aside.js';

/** Documents that are cleared in one go. */
const documentsPerPage = 200;
/** History entries kept per profile, the newest. */
export const maxHistory = 500;

/** Tells what documents still have to tell: first the log, then, behind the events, history and the document itself. */
export interface Teller {
  /** Resolves when the identity.changed records of these documents are durable. */
  tell(untold: Untold): Promise<void>;
  /** Writes the history of what was told and clears it from the documents; what others hold stays for the next call. */
  settle(): Promise<void>;
  /** Documents that were told and are not cleared. */
  readonly open: number;
}

/** A document as it was told, and the last membership of it that we announced. */
interface Told {
  readonly stored: StoredIdentifier;
  readonly announced: number;
}

export function createTeller(ports: GraphPorts, setAside: SetAside): Teller {
  const told = new Map<string, Told>();
  let running: Promise<void> | undefined;

  const enter = (stored: StoredIdentifier, isAnnounced: boolean): void => {
    const { membershipVersion } = stored.doc;
    const announced = isAnnounced ? membershipVersion : (told.get(stored.id)?.announced ?? membershipVersion);
    told.set(stored.id, { stored, announced });
  };

  const tell = async (untold: Untold): Promise<void> => {
    const due = untold.all().filter((stored) => (told.get(stored.id)?.stored.version ?? 0) < stored.version);
    if (due.length === 0) return;
    await ports.announce(due.flatMap(({ id, doc }) => changeOf(id as Identifier, doc) ?? []));
    for (const stored of due) enter(stored, stored.doc.outbox?.change !== undefined);
  };

  const settleAll = async (): Promise<void> => {
    const due = [...told.values()];
    for (let from = 0; from < due.length; from += documentsPerPage) {
      await sparing(due.slice(from, from + documentsPerPage), settlePage, async ({ stored }, thrown) => {
        await setAside(stored, thrown);
        told.delete(stored.id);
      });
    }
  };

  const settlePage = async (due: readonly Told[]): Promise<void> => {
    await writeHistory(
      ports,
      due.map(({ stored }) => stored),
    );
    const now = await ports.people.getMany(due.map(({ stored }) => stored.id));
    const clearable = await withoutBusy(
      ports,
      now.filter((stored) => stored !== undefined),
    );
    const again: StoredIdentifier[] = [];
    const clear: StoredIdentifier[] = [];
    due.forEach(({ stored, announced }, i) => {
      const current = now[i];
      if (current === undefined) told.delete(stored.id);
      else if (current.doc.membershipVersion > announced) again.push(current);
      else if (current.doc.outbox === undefined) told.delete(stored.id);
      else if (clearable.has(stored.id)) {
        if (current.version === stored.version) clear.push(current);
        else told.delete(stored.id);
      }
    });
    await tellAgain(again);
    const results = await ports.people.write(
      clear.map((stored) => ({ id: stored.id, doc: cleared(stored), expectedVersion: stored.version })),
    );
    clear.forEach(({ id }, i) => {
      if (results[i]?.kind === 'written') told.delete(id);
    });
  };

  /**
   * Somebody else told a later membership of these, perhaps before our earlier one reached the log. The newest
   * record of a key must be the newest membership, so it is told once more.
   */
  const tellAgain = async (stored: readonly StoredIdentifier[]): Promise<void> => {
    await ports.announce(stored.map((it) => changeOf(it.id as Identifier, it.doc) ?? asItStands(it)));
    for (const it of stored) enter(it, true);
  };

  return {
    tell,
    settle: async () => {
      running ??= settleAll().finally(() => (running = undefined));
      await running;
    },
    get open() {
      return told.size;
    },
  };
}

function asItStands({ id, doc }: StoredIdentifier): IdentityChange {
  const outbox = {
    history: [],
    change: { kind: 'linked' as const, reason: 'told again, in order', at: doc.created },
  };
  const change = changeOf(id as Identifier, { ...doc, outbox });
  if (change === undefined) throw new Error('a document with a change has something to tell');
  return change;
}

/** Roots with a plan or under a hold are left alone: their version is part of the agreement between the helpers. */
async function withoutBusy(
  ports: GraphPorts,
  stored: readonly StoredIdentifier[],
): Promise<ReadonlySet<string>> {
  const waitsFor = stored.map(({ doc }) => doc.heldBy ?? doc.parent ?? undefined);
  const others = new Map<string, StoredIdentifier | undefined>();
  const ids = [...new Set(waitsFor.filter((id) => id !== undefined))];
  if (ids.length > 0)
    (await ports.people.getMany(ids)).forEach((doc, i) => others.set(ids[i] as string, doc));
  return new Set(
    stored
      .filter((it) => {
        if (it.doc.plan !== undefined) return false;
        if (it.doc.heldBy !== undefined) return !isHeld(it, others.get(it.doc.heldBy));
        // A younger root keeps what it brought until its elder has taken it over.
        return it.doc.parent === null || others.get(it.doc.parent)?.doc.plan === undefined;
      })
      .map(({ id }) => id),
  );
}

function cleared({ doc }: StoredIdentifier): StoredIdentifier['doc'] {
  const { outbox: _told, unsettled: _index, heldBy: _void, ...rest } = doc;
  return doc.parent === null ? rest : { ...rest, person: null };
}

async function writeHistory(ports: GraphPorts, told: readonly StoredIdentifier[]): Promise<void> {
  const byProfile = new Map<string, HistoryEntry[]>();
  for (const { id, doc } of told) {
    const entries = doc.outbox?.history ?? [];
    if (entries.length > 0) byProfile.set(profileIdOf(id as Identifier), [...entries]);
  }
  await writeRefusals(ports, [...byProfile.values()].flat());
  let due = [...byProfile.keys()];
  while (due.length > 0) {
    const before = await ports.histories.getMany(due);
    const results = await ports.histories.write(
      due.map((profileId, i) => {
        const kept = before[i]?.doc.entries ?? [];
        const ids = new Set(kept.map((entry) => entry.id));
        const added = (byProfile.get(profileId) ?? []).filter((entry) => !ids.has(entry.id));
        return {
          id: profileId,
          doc: { entries: [...kept, ...added].slice(-maxHistory) },
          expectedVersion: before[i]?.version ?? 0,
        };
      }),
    );
    due = due.filter((_, i) => results[i]?.kind !== 'written');
  }
}

async function writeRefusals(ports: GraphPorts, entries: readonly HistoryEntry[]): Promise<void> {
  const refused = entries.filter((entry) => entry.kind === 'refuse');
  const lifted = entries.filter((entry) => entry.lifts);
  if (refused.length + lifted.length === 0) return;
  await ports.refusals.write([
    ...refused.map(({ at, from, to, reason }) => ({
      id: refusalId(from, to),
      doc: { at, from, to, reason },
    })),
    ...lifted.map(({ from, to }) => ({ id: refusalId(from, to), remove: true as const })),
  ]);
}
