/** A document: plain data (strings, numbers, booleans, null, arrays, objects, Uint8Array, Date). */
export type Document = object;

/** A document as stored, with the version that its next write must name. */
export interface Stored<T extends Document> {
  readonly id: string;
  /** 1 after the first write, one more with each. */
  readonly version: number;
  readonly doc: T;
}

/** A single value or tuple that an index is ordered by; strings by UTF-8 bytes, numbers by value; numbers before strings. */
export type IndexKey = string | number | readonly (string | number)[];

export interface IndexDeclaration<T extends Document> {
  readonly name: string;
  /** The fields in order, dotted paths into the document. A document lacking any of them is not in the index. */
  readonly fields: readonly (keyof T & string)[];
  /** At most one document for a key; a second is refused with `duplicate`. */
  readonly unique?: boolean;
}

export interface CollectionDeclaration<T extends Document> {
  readonly name: string;
  readonly indexes?: readonly IndexDeclaration<T>[];
  /**
   * Somebody waits for each write: it does not queue behind the batches of other collections. Default false. Overlapping
   * writes of urgent collections still share a commit.
   */
  readonly urgent?: boolean;
}

/** One write. `expectedVersion` 0: must not exist yet; n: must stand at n; absent: whatever is there. */
export type Write<T extends Document> =
  | { readonly id: string; readonly doc: T; readonly expectedVersion?: number }
  | { readonly id: string; readonly remove: true; readonly expectedVersion?: number };

/** What became of one write. A conflict tells the version that stands there (0: nothing). */
export type WriteResult =
  | { readonly kind: 'written'; readonly version: number }
  | { readonly kind: 'conflict'; readonly version: number }
  | { readonly kind: 'duplicate'; readonly index: string };

export interface ScanOptions {
  /** Inclusive lower end; a shorter tuple stands for everything that begins with it. */
  readonly from?: IndexKey;
  /** Exclusive upper end. */
  readonly to?: IndexKey;
  /** Everything whose key begins with this tuple (in place of from and to). */
  readonly prefix?: IndexKey;
  readonly reverse?: boolean;
  /** Default 100. */
  readonly limit?: number;
  /** Go on after this document of the same scan: its index key and id. */
  readonly after?: { readonly key: IndexKey; readonly id: string };
}

export interface Collection<T extends Document> {
  get(id: string): Promise<Stored<T> | undefined>;
  /** In the order of the ids; undefined where there is none. One round trip. */
  getMany(ids: readonly string[]): Promise<readonly (Stored<T> | undefined)[]>;
  /**
   * Writes a batch in one round trip; each document atomically, the batch as a whole not. Resolves when all of
   * it is durable, with one result per write in order. The same id twice in a batch: done in order; between
   * different ids there is no order. A document must not be changed before the call has resolved.
   */
  write(writes: readonly Write<T>[]): Promise<readonly WriteResult[]>;
  /** By index, ascending unless `reverse`; ties by id. The index `_id` always exists. */
  scan(index: string, options?: ScanOptions): Promise<readonly Stored<T>[]>;
  /** How many documents there are, or how many of them are in an index. */
  count(index?: string): Promise<number>;
}

/** Single-document atomicity, versions, unique keys and ordered scans: no more is asked of a store. */
export interface DocumentStore {
  /** Opens a collection with its indexes; called once per collection at start. */
  collection<T extends Document>(declaration: CollectionDeclaration<T>): Promise<Collection<T>>;
  close(): Promise<void>;
}
