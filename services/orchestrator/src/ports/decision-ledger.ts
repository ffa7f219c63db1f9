import type { DecisionRecord } from '@rapport/contracts';

/** How a decision ended, told by a caller. */
export interface RecordedOutcome {
  readonly metric: string;
  readonly value: number;
  readonly at: string;
}

/** A ledger entry: the record, and what became of it. */
export interface LedgerEntry extends DecisionRecord {
  readonly outcomes?: readonly RecordedOutcome[];
}

/** Keeps every decision. */
export interface DecisionLedger {
  /** Resolves when the record is durable, marked as not yet published; one of the same id is replaced. */
  keep(record: DecisionRecord): Promise<void>;
  /** Takes the marks away. */
  published(decisionIds: readonly string[]): Promise<void>;
  /** Records that carry the mark, the oldest first. */
  unpublished(limit: number): Promise<readonly DecisionRecord[]>;
  get(decisionId: string): Promise<LedgerEntry | undefined>;
  /** The tactic that each decision chose; undefined where there is no such decision, or it chose none. */
  chosen(decisionIds: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Adds an outcome, keeping the newest 20; false when there is no such decision. */
  addOutcome(decisionId: string, outcome: RecordedOutcome): Promise<boolean>;
  /** Drops entries made before an instant; answers how many, at most 1,000 a call. */
  forgetBefore(instantMs: number): Promise<number>;
}

/** Tells everyone else about decisions: `decisions.made.v1`. */
export interface DecisionFeed {
  /** Resolves when the records are durable there. */
  publish(records: readonly DecisionRecord[]): Promise<void>;
  /** Publishes soon after, trying until it works. Throws when too many wait already. */
  publishSoon(record: DecisionRecord): void;
}
