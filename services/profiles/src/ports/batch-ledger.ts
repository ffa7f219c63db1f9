/** How far a partition's people are: which writes were told to others for sure, and by which definitions. */
export interface LedgerEntry {
  /** Every batch up to this number was told. */
  readonly told: number;
  /** Numbers up to this one may have been used. */
  readonly reserved: number;
  /** Version of the definitions by which everybody of the partition was last decided. */
  readonly definitions: string;
}

/** Keeps one entry per partition. */
export interface BatchLedger {
  /** Zeros and no version before the first. */
  read(partition: number): Promise<LedgerEntry>;
  write(partition: number, entry: LedgerEntry): Promise<void>;
}
