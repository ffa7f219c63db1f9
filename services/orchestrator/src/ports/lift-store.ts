import type { ArmName, ArmSums, PersonOutcomes } from '../domain/lift.js';

export interface StoredOutcomes {
  readonly state: PersonOutcomes;
  /** 0: not stored yet. */
  readonly version: number;
}

/** Sums per tactic and arm. */
export type LiftSums = ReadonlyMap<string, Readonly<Record<ArmName, ArmSums>>>;

/** Keeps what people did after they first met a tactic. */
export interface LiftStore {
  getMany(profileIds: readonly string[]): Promise<readonly (StoredOutcomes | undefined)[]>;
  /** Writes each where its version still stands; false where another came first. Resolves when durable. */
  write(changed: readonly StoredOutcomes[]): Promise<readonly boolean[]>;
  /** Everyone of a partition, in pages. */
  ofPartition(partition: number): AsyncIterable<readonly StoredOutcomes[]>;
  /** Those whose exposures are to be handed over to a partition. */
  handovers(partition: number, limit: number): Promise<readonly StoredOutcomes[]>;
  /** Publishes a partition's sums for whoever answers questions. */
  keepSums(partition: number, sums: LiftSums): Promise<void>;
  /** The sums over all partitions. */
  allSums(): Promise<LiftSums>;
}
