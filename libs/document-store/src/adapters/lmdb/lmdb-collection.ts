import type { Database } from 'lmdb';
import { mapInTurns } from '@rapport/kernel';
import type {
  Collection,
  CollectionDeclaration,
  Document,
  IndexKey,
  ScanOptions,
  Stored,
  Write,
  WriteResult,
} from '../../document-store.js';
import {
  checkBounds,
  checkId,
  checkIndexKey,
  checkSize,
  indexKeyOf,
  indexMissing,
  mayExist,
} from '../../index-keys.js';
import { decodeDocument, encodeDocument, packDocument, type EncodedDocument } from './stored-value.js';
import { afterPrefix, continueTuple, encodeTuple } from './tuple-key.js';
import type { WriteGroups } from './write-groups.js';

export type Bytes = Database<Buffer, Buffer>;

export interface LmdbIndex {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** Key: the tuple, and unless unique the id after it. Value: the id. */
  readonly entries: Bytes;
}

/** One write, encoded when it was handed over: what the caller does to the document afterwards does not matter. */
export interface PlannedWrite {
  readonly id: string;
  /** Absent: remove. */
  readonly encoded?: EncodedDocument;
  readonly expectedVersion: number | undefined;
}

/** The place of an index entry. */
export const entryKey = (index: LmdbIndex, key: Buffer, id: string): Buffer =>
  index.unique ? key : continueTuple(key, id);

/** The keys of a document in each index of its collection. */
export function keysOf(
  collection: string,
  doc: Document,
  indexes: readonly Pick<LmdbIndex, 'name' | 'fields'>[],
): (Buffer | undefined)[] {
  return indexes.map((index) => {
    const key = indexKeyOf(doc, index.fields);
    if (key === undefined) return undefined;
    checkIndexKey(collection, index.name, key);
    return encodeTuple(key);
  });
}

/** Documents of a call that are read without letting the event loop turn. */
const readAtOnce = 16;

export class LmdbCollection<T extends Document> implements Collection<T> {
  /** A call whose documents are being encoded. */
  #planning: Promise<void> | undefined;

  constructor(
    readonly declaration: CollectionDeclaration<T>,
    readonly documents: Bytes,
    readonly indexes: readonly LmdbIndex[],
    private readonly groups: WriteGroups,
  ) {}

  get name(): string {
    return this.declaration.name;
  }

  get(id: string): Promise<Stored<T> | undefined> {
    return new Promise((resolve) => resolve(this.#read(id)));
  }

  getMany(ids: readonly string[]): Promise<readonly (Stored<T> | undefined)[]> {
    return ids.length <= readAtOnce
      ? new Promise((resolve) => resolve(ids.map((id) => this.#read(id))))
      : mapInTurns(ids, (id) => this.#read(id));
  }

  async write(writes: readonly Write<T>[]): Promise<readonly WriteResult[]> {
    this.groups.refuseWhenClosed();
    if (writes.length === 0) return [];
    // Calls keep their order, also where encoding the documents of one takes several turns of the event loop.
    while (this.#planning !== undefined) await this.#planning;
    if (writes.length <= this.groups.atOnce)
      return await this.groups.write(
        this,
        writes.map((write) => this.#plan(write)),
      );
    const planning = mapInTurns(writes, (write) => this.#plan(write));
    const over = (): void => {
      this.#planning = undefined;
    };
    this.#planning = planning.then(over, over);
    return await this.groups.write(this, await planning);
  }

  scan(index: string, options: ScanOptions = {}): Promise<readonly Stored<T>[]> {
    return new Promise((resolve) => {
      this.groups.refuseWhenClosed();
      resolve(index === '_id' ? this.#scanIds(options) : this.#scanIndex(index, options));
    });
  }

  count(index?: string): Promise<number> {
    return new Promise((resolve) => {
      this.groups.refuseWhenClosed();
      const counted = index === undefined ? this.documents : this.#index(index).entries;
      resolve((counted.getStats() as { entryCount: number }).entryCount);
    });
  }

  #plan(write: Write<T>): PlannedWrite {
    checkId(this.name, write.id);
    if ('remove' in write) return { id: write.id, expectedVersion: write.expectedVersion };
    const packed = packDocument(write.doc);
    checkSize(this.name, write.id, packed.length);
    return {
      id: write.id,
      encoded: encodeDocument(packed, keysOf(this.name, write.doc, this.indexes)),
      expectedVersion: write.expectedVersion,
    };
  }

  #read(id: string): Stored<T> | undefined {
    this.groups.refuseWhenClosed();
    if (!mayExist(id)) return undefined;
    const bytes = this.documents.getBinaryFast(Buffer.from(id, 'utf8'));
    if (bytes === undefined) return undefined;
    const { version, doc } = decodeDocument<T>(this.name, id, bytes.subarray(0, bytes.length));
    return { id, version, doc };
  }

  #scanIds(options: ScanOptions): Stored<T>[] {
    checkBounds('_id', 1, options);
    const past = options.after === undefined ? undefined : Buffer.from(options.after.id, 'utf8');
    const only = idBound(options.prefix);
    const range =
      only === undefined
        ? { low: idBound(options.from), high: idBound(options.to), past }
        : { low: only, high: Buffer.concat([only, Buffer.from([0])]), past };
    return this.#readAll(keysWithin(this.documents, range, options).map(({ key }) => key.toString('utf8')));
  }

  #scanIndex(name: string, options: ScanOptions): Stored<T>[] {
    const index = this.#index(name);
    checkBounds(name, index.fields.length, options);
    const prefix = options.prefix === undefined ? undefined : encodeTuple(options.prefix);
    const low = prefix ?? (options.from === undefined ? undefined : encodeTuple(options.from));
    const high =
      prefix === undefined
        ? options.to === undefined
          ? undefined
          : encodeTuple(options.to)
        : afterPrefix(prefix);
    const past =
      options.after === undefined
        ? undefined
        : entryKey(index, encodeTuple(options.after.key), options.after.id);
    return this.#readAll(
      keysWithin(index.entries, { low, high, past }, options).map(({ value }) => value.toString('utf8')),
    );
  }

  #index(name: string): LmdbIndex {
    const index = this.indexes.find((candidate) => candidate.name === name);
    if (index !== undefined) return index;
    throw indexMissing(
      this.name,
      name,
      this.indexes.map((known) => known.name),
    );
  }

  #readAll(ids: readonly string[]): Stored<T>[] {
    const found: Stored<T>[] = [];
    for (const id of ids) {
      const stored = this.#read(id);
      if (stored !== undefined) found.push(stored);
    }
    return found;
  }
}

interface KeyRange {
  /** Inclusive. */
  readonly low: Buffer | undefined;
  /** Exclusive. */
  readonly high: Buffer | undefined;
  /** Where the page before ended. */
  readonly past: Buffer | undefined;
}

/** Ids are strings, and every number sorts before them. */
function idBound(key: IndexKey | undefined): Buffer | undefined {
  if (key === undefined) return undefined;
  const id = typeof key === 'object' ? key[0] : key;
  return typeof id === 'string' ? Buffer.from(id, 'utf8') : lowest;
}

/** Below and above every key that is stored. */
const lowest = Buffer.from([0]);
const highest = Buffer.from([0xff, 0xff]);

function keysWithin(
  entries: Bytes,
  { low, high, past }: KeyRange,
  { reverse = false, limit = 100 }: ScanOptions,
): { key: Buffer; value: Buffer }[] {
  if (limit <= 0) return [];
  let from = low ?? lowest;
  let to = high ?? highest;
  if (past !== undefined && !reverse) {
    const next = Buffer.concat([past, Buffer.from([0])]);
    if (Buffer.compare(next, from) > 0) from = next;
  }
  if (past !== undefined && reverse && Buffer.compare(past, to) < 0) to = past;
  if (Buffer.compare(from, to) >= 0) return [];
  const range = reverse
    ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse: true, limit }
    : { start: from, end: to, limit };
  return [...entries.getRange(range)].map(({ key, value }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
  }));
}
