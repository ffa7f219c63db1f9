/** Which writes of a partition's people were told to others for sure. */
export interface LedgerEntry {
  /** Every batch up to this number was told. */
  readonly told: number;
  /** Numbers up to this one may have been used. */
  readonly reserved: number;
}

/** Keeps one entry per partition. */
export interface BatchLedger {
  /** Zeros before the first. */
  read(partition: number): Promise<LedgerEntry>;
  write(partition: number, entry: LedgerEntry): Promise<void>;
}
