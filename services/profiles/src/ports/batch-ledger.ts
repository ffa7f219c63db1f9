/** How far a partition's people are: which writes were told to others for sure, and by which definitions. */
export interface LedgerEntry {
  /** Every batch up to this number was told. */
  readonly told: number;
  /** Numbers up to this one may have been used. */
  readonly reserved: number;
  /** Version of the definitions by which everybody of the partition was last decided. */
  readonly definitions: string;
}

/** An entry with the version of its document; 0 before the first. */
export type VersionedEntry = LedgerEntry & { readonly version: number };

/** Keeps one entry per partition. */
export interface BatchLedger {
  /** Zeros before the first. */
  read(partition: number): Promise<VersionedEntry>;
  /** Answers whether nobody had written since the version that was expected. */
  write(partition: number, entry: LedgerEntry, expectedVersion: number): Promise<boolean>;
}
