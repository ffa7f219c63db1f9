import type { DecisionRecord } from '@rapport/contracts';
import type { Collection, CollectionDeclaration } from '@rapport/document-store';
import type { DecisionLedger, LedgerEntry, RecordedOutcome } from '../ports/decision-ledger.js';
import { decisionIdFloor } from './decision-ids.js';
import { jsonOf } from './record-json.js';

/** A decision as kept: its record as the topic has it, which never changes, and what became of it. */
export interface DecisionDocument {
  readonly record: string;
  readonly tactic: string | null;
  readonly outcomes?: readonly RecordedOutcome[];
}

/** One document per decision, under its id; ids sort by time. A page waits for it. */
export const decisionCollection: CollectionDeclaration<DecisionDocument> = {
  name: 'decisions',
  urgent: true,
};

/** One small document per decision that is in the ledger and perhaps not yet on the topic. */
export interface UnpublishedMark {
  readonly at: string;
}

export const unpublishedCollection: CollectionDeclaration<UnpublishedMark> = {
  name: 'decisions_unpublished',
  urgent: true,
};

const recordOf = ({ record }: DecisionDocument): DecisionRecord => JSON.parse(record) as DecisionRecord;

/** Outcomes kept per decision, the newest. */
const maxOutcomes = 20;

/** Few: decisions wait while they go. */
const forgottenAtOnce = 100;

/** The ledger in the document store. */
export class DocumentDecisionLedger implements DecisionLedger {
  constructor(
    readonly collection: Collection<DecisionDocument>,
    readonly marks: Collection<UnpublishedMark>,
  ) {}

  async keep(record: DecisionRecord): Promise<void> {
    const { decisionId: id, at, chosen } = record;
    const doc = { record: jsonOf(record), tactic: chosen?.tactic ?? null };
    await Promise.all([this.marks.write([{ id, doc: { at } }]), this.collection.write([{ id, doc }])]);
  }

  async published(decisionIds: readonly string[]): Promise<void> {
    await this.marks.write(decisionIds.map((id) => ({ id, remove: true })));
  }

  async unpublished(limit: number): Promise<readonly DecisionRecord[]> {
    const marks = await this.marks.scan('_id', { limit });
    const entries = await this.collection.getMany(marks.map(({ id }) => id));
    // A mark without an entry: the process ended between the two, and nobody was answered.
    const orphans = marks.filter((_, index) => entries[index] === undefined);
    if (orphans.length > 0) await this.published(orphans.map(({ id }) => id));
    return entries.flatMap((entry) => (entry === undefined ? [] : [recordOf(entry.doc)]));
  }

  async get(decisionId: string): Promise<LedgerEntry | undefined> {
    const stored = await this.collection.get(decisionId);
    if (stored === undefined) return undefined;
    const { outcomes } = stored.doc;
    return { ...recordOf(stored.doc), ...(outcomes === undefined ? {} : { outcomes }) };
  }

  async chosen(decisionIds: readonly string[]): Promise<readonly (string | undefined)[]> {
    const entries = await this.collection.getMany(decisionIds);
    return entries.map((entry) => entry?.doc.tactic ?? undefined);
  }

  async addOutcome(decisionId: string, outcome: RecordedOutcome): Promise<boolean> {
    for (;;) {
      const stored = await this.collection.get(decisionId);
      if (stored === undefined) return false;
      const outcomes = [...(stored.doc.outcomes ?? []), outcome].slice(-maxOutcomes);
      const [result] = await this.collection.write([
        { id: decisionId, doc: { ...stored.doc, outcomes }, expectedVersion: stored.version },
      ]);
      if (result?.kind === 'written') return true;
    }
  }

  async forgetBefore(instantMs: number): Promise<number> {
    const old = await this.collection.scan('_id', { to: decisionIdFloor(instantMs), limit: forgottenAtOnce });
    if (old.length > 0) await this.collection.write(old.map(({ id }) => ({ id, remove: true })));
    return old.length;
  }
}
