import type { RootDatabase } from 'lmdb';
import { mapInTurns, RapportError } from '@rapport/kernel';
import type { WriteResult } from '../../document-store.js';
import { entryKey, type Bytes, type LmdbIndex, type PlannedWrite } from './lmdb-collection.js';
import { headOf, seal, type EncodedDocument, type StoredHead } from './stored-value.js';
import { causeOfCommit } from '@rapport/lmdb-commits';

/**
 * Writes of one transaction, where there are more calls than one: handing them over holds the event loop (about 2 µs
 * each), and each transaction costs a flush.
 */
const writesPerGroup = 1000;
/** Bytes that may wait for a flush; beyond, a write is refused so that memory stays bounded. */
const maxWaitingBytes = 256 * 1024 * 1024;

interface Target {
  readonly name: string;
  readonly documents: Bytes;
  readonly indexes: readonly LmdbIndex[];
}

interface Call {
  readonly target: Target;
  readonly writes: readonly PlannedWrite[];
  readonly resolve: (results: readonly WriteResult[]) => void;
  readonly reject: (thrown: unknown) => void;
}

type Keys = readonly (Buffer | undefined)[];

/** A document within a group: as it was before, and as the writes so far leave it. */
interface Touched {
  /** The bytes of the id. */
  readonly key: Buffer;
  readonly before: StoredHead | undefined;
  version: number;
  /** Undefined: removed, or never there. */
  encoded: EncodedDocument | undefined;
  /** True until a write of this group was accepted. */
  untouched: boolean;
}

/**
 * Group commit: one transaction at a time; write calls that arrive meanwhile go into the next one together. Within a
 * group the calls are decided in order against what is stored and what the group did so far.
 */
export class WriteGroups {
  readonly #root: RootDatabase;
  #waiting: Call[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  /** `atOnce`: documents of a call that are encoded or decided without letting the event loop turn. */
  constructor(
    root: RootDatabase,
    readonly atOnce: number,
  ) {
    this.#root = root;
  }

  write(target: Target, writes: readonly PlannedWrite[]): Promise<readonly WriteResult[]> {
    this.refuseWhenClosed();
    if (this.#waitingBytes > maxWaitingBytes) {
      return Promise.reject(
        new RapportError(
          'DOCUMENT_STORE_OVERLOADED',
          'exhausted',
          `${this.#waitingBytes} bytes wait for the disk already; write again later`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waitingBytes += bytesOf(writes);
      this.#waiting.push({ target, writes, resolve, reject });
      // Once per turn of the event loop: calls that were made together are committed together.
      this.#running ??= new Promise<void>((done) => setImmediate(done)).then(() => this.#loop());
    });
  }

  /** Refuses what comes from now on, resolves when what came is durable. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Throws once the store is closing. */
  refuseWhenClosed(): void {
    if (this.#closed)
      throw new RapportError('DOCUMENT_STORE_CLOSED', 'unavailable', 'the document store was closed');
  }

  async #loop(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#commit(this.#nextGroup());
    }
    this.#running = undefined;
  }

  #nextGroup(): readonly Call[] {
    let writes = 0;
    let count = 0;
    for (const call of this.#waiting) {
      writes += call.writes.length;
      if (count > 0 && writes > writesPerGroup) break;
      count++;
    }
    const calls = this.#waiting.splice(0, count);
    for (const call of calls) this.#waitingBytes -= bytesOf(call.writes);
    return calls;
  }

  /**
   * Nobody else writes before the group is committed: the event loop may turn while a large call is decided. A small one
   * is done at once: somebody may wait for it, and must not queue behind the pieces of batches.
   */
  async #decideAll(group: Group, { target, writes }: Call): Promise<WriteResult[]> {
    if (writes.length <= this.atOnce) return writes.map((write) => group.decide(target, write));
    return await mapInTurns(writes, (write) => group.decide(target, write));
  }

  async #commit(calls: readonly Call[]): Promise<void> {
    try {
      this.#root.resetReadTxn();
      const group = new Group();
      const results: WriteResult[][] = [];
      for (const call of calls) results.push(await this.#decideAll(group, call));
      if (group.changes) await this.#root.batch(() => group.put());
      // Whoever reads from here on sees it: a snapshot that was opened earlier in this turn of the event loop would not.
      this.#root.resetReadTxn();
      calls.forEach((call, at) => call.resolve(results[at] ?? []));
    } catch (thrown) {
      const failure =
        thrown instanceof RapportError
          ? thrown
          : new RapportError(
              'DOCUMENT_STORE_WRITE_FAILED',
              'unavailable',
              `the documents could not be written to disk: ${await causeOfCommit(thrown)}; free space, or see what the disk has`,
            );
      for (const call of calls) call.reject(failure);
    }
  }
}

const bytesOf = (writes: readonly PlannedWrite[]): number =>
  writes.reduce((bytes, { encoded }) => bytes + (encoded?.bytes.length ?? 0), 0);

class Group {
  readonly #touched = new Map<Target, Map<string, Touched>>();
  /** Owners of unique keys as the group leaves them; null: free. */
  readonly #owners = new Map<LmdbIndex, Map<string, string | null>>();
  changes = false;

  decide(target: Target, write: PlannedWrite): WriteResult {
    const document = this.#touch(target, write);
    const { expectedVersion } = write;
    if (expectedVersion !== undefined && expectedVersion !== document.version)
      return { kind: 'conflict', version: document.version };
    if (write.encoded === undefined && document.version === 0) return { kind: 'written', version: 0 };
    const keysBefore = document.untouched ? document.before?.keys : document.encoded?.keys;
    const taken = this.#takenKey(target, write, keysBefore);
    if (taken !== undefined) return { kind: 'duplicate', index: taken };
    this.#moveKeys(target, write, keysBefore);
    document.version = write.encoded === undefined ? 0 : document.version + 1;
    document.encoded = write.encoded;
    // Here, where the event loop may turn in between, and not while the transaction is gathered.
    if (write.encoded !== undefined) seal(write.encoded, document.version);
    document.untouched = false;
    this.changes = true;
    return { kind: 'written', version: document.version };
  }

  /** Hands the outcome to the transaction that is being gathered: removals first, since another document may take a key over. */
  put(): void {
    for (const [target, documents] of this.#touched) {
      for (const [id, document] of documents) if (!document.untouched) removeEntries(target, id, document);
    }
    for (const [target, documents] of this.#touched) {
      for (const [id, document] of documents) if (!document.untouched) putDocument(target, id, document);
    }
  }

  #touch(target: Target, { id, encoded }: PlannedWrite): Touched {
    let documents = this.#touched.get(target);
    if (documents === undefined) this.#touched.set(target, (documents = new Map<string, Touched>()));
    let document = documents.get(id);
    if (document === undefined) {
      const key = Buffer.from(id, 'utf8');
      const bytes = target.documents.getBinaryFast(key);
      const before = bytes === undefined ? undefined : headOf(bytes, encoded?.keys);
      document = { key, before, version: before?.version ?? 0, encoded: undefined, untouched: true };
      documents.set(id, document);
    }
    return document;
  }

  #takenKey(target: Target, write: PlannedWrite, keysBefore: Keys | undefined): string | undefined {
    for (let at = 0; at < target.indexes.length; at++) {
      const index = target.indexes[at];
      const key = write.encoded?.keys[at];
      if (index === undefined || !index.unique || key === undefined) continue;
      // A key that the document has already is its own: nobody needs to be asked.
      if (sameKey(keysBefore?.[at], key)) continue;
      const owner = this.#ownerOf(index, key);
      if (owner !== null && owner !== write.id) return index.name;
    }
    return undefined;
  }

  #moveKeys(target: Target, write: PlannedWrite, keysBefore: Keys | undefined): void {
    for (let at = 0; at < target.indexes.length; at++) {
      const index = target.indexes[at];
      if (index === undefined || !index.unique) continue;
      const before = keysBefore?.[at];
      const now = write.encoded?.keys[at];
      if (sameKey(before, now)) continue;
      const owners = this.#ownersOf(index);
      if (before !== undefined) owners.set(before.toString('latin1'), null);
      if (now !== undefined) owners.set(now.toString('latin1'), write.id);
    }
  }

  #ownerOf(index: LmdbIndex, key: Buffer): string | null {
    const known = this.#ownersOf(index).get(key.toString('latin1'));
    if (known !== undefined) return known;
    return index.entries.getBinary(key)?.toString('utf8') ?? null;
  }

  #ownersOf(index: LmdbIndex): Map<string, string | null> {
    let owners = this.#owners.get(index);
    if (owners === undefined) this.#owners.set(index, (owners = new Map<string, string | null>()));
    return owners;
  }
}

const sameKey = (one: Buffer | undefined, other: Buffer | undefined): boolean =>
  one === other || (one !== undefined && other !== undefined && one.equals(other));

// Within the batch of a group lmdb answers every write with one and the same resolved promise: a write that fails fails
// the batch, whose promise is the one that is awaited.

function removeEntries(target: Target, id: string, { before, encoded }: Touched): void {
  if (before === undefined) return;
  for (let at = 0; at < target.indexes.length; at++) {
    const index = target.indexes[at];
    const key = before.keys[at];
    if (index !== undefined && key !== undefined && !sameKey(key, encoded?.keys[at]))
      void index.entries.remove(entryKey(index, key, id));
  }
}

function putDocument(target: Target, id: string, { key, before, encoded }: Touched): void {
  if (encoded === undefined) {
    if (before !== undefined) void target.documents.remove(key);
    return;
  }
  void target.documents.put(key, encoded.bytes);
  for (let at = 0; at < target.indexes.length; at++) {
    const index = target.indexes[at];
    const now = encoded.keys[at];
    if (index !== undefined && now !== undefined && !sameKey(before?.keys[at], now))
      void index.entries.put(entryKey(index, now, id), key);
  }
}
