import { RapportError } from '@rapport/kernel';
import type { BatchLedger, VersionedEntry } from '../ports/batch-ledger.js';
import { profilesErrors } from '../profiles.errors.js';

/** Batches between two writes of the ledger. */
const batchesPerEntry = 64;

/**
 * Numbers the batches of a partition, upwards for ever, and remembers which were told. What is written carries its
 * batch's number; a document from a batch that may not have been told is told once more when it is met. At most one
 * batch at a time is not told (a batch comes again until it is), but the ledger lags behind by up to 64.
 */
export class BatchNumbers {
  #version: number;
  #told: number;
  #reserved: number;
  #next: number;
  /** Once everything that an earlier worker left half done has come again, nothing is doubtful any more. */
  #hasCaughtUp: boolean;
  #definitions: string;

  private constructor(
    private readonly ledger: BatchLedger,
    readonly partition: number,
    private readonly found: VersionedEntry,
  ) {
    this.#version = found.version;
    this.#told = found.told;
    this.#reserved = found.reserved;
    this.#next = found.reserved + 1;
    this.#hasCaughtUp = found.told === found.reserved;
    this.#definitions = found.definitions;
  }

  static async open(ledger: BatchLedger, partition: number): Promise<BatchNumbers> {
    return new BatchNumbers(ledger, partition, await ledger.read(partition));
  }

  /** Every batch up to this one had been told for sure when this worker began. */
  get toldBefore(): number {
    return this.found.told;
  }

  /** Whether what carries this number may not have been told. */
  isDoubtful(batch: number): boolean {
    return !this.#hasCaughtUp && batch > this.found.told && batch <= this.found.reserved;
  }

  /** The input that an earlier worker did not finish has been handled. */
  caughtUp(): void {
    this.#hasCaughtUp = true;
  }

  /** The number of the batch that begins now. Throws when another worker has begun to give numbers. */
  async next(): Promise<number> {
    if (this.#next > this.#reserved) {
      this.#reserved = this.#next + batchesPerEntry - 1;
      await this.#write();
    }
    return this.#next++;
  }

  /** Everything that a batch wrote was told. */
  tell(batch: number): void {
    this.#told = batch;
  }

  /** Before somebody else takes over; says nothing when somebody has. */
  async close(): Promise<void> {
    if (!this.#hasCaughtUp) return;
    this.#told = this.#reserved;
    await this.#wrote();
  }

  /** The version of the definitions by which everybody was last decided. */
  get definitions(): string {
    return this.#definitions;
  }

  /** Everybody was decided by these definitions. */
  async decidedBy(definitions: string): Promise<void> {
    this.#definitions = definitions;
    await this.#write();
  }

  async #write(): Promise<void> {
    if (await this.#wrote()) return;
    throw new RapportError(
      profilesErrors.partitionLost,
      'conflict',
      `another worker numbers the batches of partition ${this.partition} now`,
    );
  }

  /** Answers whether nobody else had written since. */
  async #wrote(): Promise<boolean> {
    const told = this.#hasCaughtUp ? this.#told : this.found.told;
    const entry = { told, reserved: this.#reserved, definitions: this.#definitions };
    const taken = await this.ledger.write(this.partition, entry, this.#version);
    if (taken) this.#version++;
    return taken;
  }
}
