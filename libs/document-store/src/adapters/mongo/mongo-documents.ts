import { BSON, type Filter, type FindCursor, type Sort } from 'mongodb';
import { RapportError } from '@rapport/kernel';
import type {
  Collection,
  Document,
  IndexKey,
  ScanOptions,
  Stored,
  Write,
  WriteResult,
} from '../../document-store.js';
import { checkBounds, checkId, checkSize, indexMissing, mayExist } from '../../index-keys.js';
import { answered } from './answered.js';
import { afterPrefixText, compareText, keyText } from './key-text.js';
import { keysOf, type DeclaredIndexes, type Documents, type StoredDocument } from './stored-document.js';
import { readError } from './read-error.js';
import type { AskedWrite, WriteChanges } from './write-changes.js';

/** A collection as the port has it, on MongoDB. */
export class MongoDocuments<T extends Document> implements Collection<T> {
  constructor(
    private readonly documents: Documents,
    private readonly declared: DeclaredIndexes,
    private readonly changes: WriteChanges,
    private readonly refuseWhenClosed: () => void,
    /** The hosts, for error messages. */
    private readonly where: string,
  ) {}

  async get(id: string): Promise<Stored<T> | undefined> {
    const [found] = await this.getMany([id]);
    return found;
  }

  async getMany(ids: readonly string[]): Promise<readonly (Stored<T> | undefined)[]> {
    this.refuseWhenClosed();
    const wanted = [...new Set(ids.filter(mayExist))];
    if (wanted.length === 0) return ids.map(() => undefined);
    const found = await this.#found(
      this.documents.find(
        { _id: { $in: wanted } },
        { projection: { v: 1, d: 1 }, batchSize: wanted.length + 1 },
      ),
    );
    const byId = new Map(found.map((each) => [each._id, stored<T>(each)]));
    return ids.map((id) => byId.get(id));
  }

  async write(writes: readonly Write<T>[]): Promise<readonly WriteResult[]> {
    this.refuseWhenClosed();
    return writes.length === 0 ? [] : this.changes.write(writes.map((write) => this.#asked(write)));
  }

  async scan(index: string, options: ScanOptions = {}): Promise<readonly Stored<T>[]> {
    this.refuseWhenClosed();
    const { limit = 100, reverse = false } = options;
    const direction = reverse ? -1 : 1;
    const filters = index === '_id' ? idFilters(options) : this.#indexFilters(index, options);
    const order: Sort = index === '_id' ? { _id: direction } : { [`k.${index}`]: direction, _id: direction };
    const found: StoredDocument[] = [];
    for (const filter of filters) {
      const left = limit - found.length;
      if (left <= 0) break;
      found.push(
        ...(await this.#found(
          this.documents.find(filter, {
            projection: { v: 1, d: 1 },
            sort: order,
            limit: left,
            batchSize: left + 1,
          }),
        )),
      );
    }
    return found.map((each) => stored<T>(each));
  }

  async count(index?: string): Promise<number> {
    this.refuseWhenClosed();
    if (index !== undefined) this.#index(index);
    try {
      return index === undefined
        ? await this.documents.estimatedDocumentCount()
        : await this.documents.countDocuments({ [`k.${index}`]: { $exists: true } });
    } catch (thrown) {
      throw readError(thrown, this.where);
    }
  }

  async #found(cursor: FindCursor<StoredDocument>): Promise<StoredDocument[]> {
    try {
      return await answered(cursor.toArray());
    } catch (thrown) {
      throw readError(thrown, this.where);
    }
  }

  #asked(write: Write<T>): AskedWrite {
    checkId(this.declared.collection, write.id);
    if ('remove' in write) return { id: write.id, expectedVersion: write.expectedVersion };
    checkSize(
      this.declared.collection,
      write.id,
      BSON.calculateObjectSize(write.doc, { ignoreUndefined: true }) + overheadBytes,
    );
    return {
      id: write.id,
      doc: write.doc,
      keys: keysOf(write.doc, this.declared),
      expectedVersion: write.expectedVersion,
    };
  }

  #index(name: string): DeclaredIndexes['indexes'][number] {
    const index = this.declared.indexes.find((candidate) => candidate.name === name);
    if (index !== undefined) return index;
    throw indexMissing(
      this.declared.collection,
      name,
      this.declared.indexes.map((known) => known.name),
    );
  }

  /** Ranges that lie one behind the other. */
  #indexFilters(name: string, options: ScanOptions): readonly Filter<StoredDocument>[] {
    checkBounds(name, this.#index(name).fields.length, options);
    const text = (key: IndexKey | undefined): string | undefined =>
      key === undefined ? undefined : keyText(key);
    const prefix = text(options.prefix);
    const low = prefix ?? text(options.from) ?? '';
    const high = prefix === undefined ? text(options.to) : afterPrefixText(prefix);
    const past =
      options.after === undefined ? undefined : { key: keyText(options.after.key), id: options.after.id };
    return rangeFilters(`k.${name}`, { low, high }, past, options.reverse === true);
  }
}

/** Id, version, token and keys beside the document, generously. */
const overheadBytes = 16 * 1024;

interface TextRange {
  /** Inclusive. */
  readonly low: string;
  /** Exclusive; open where absent. */
  readonly high: string | undefined;
}

/**
 * What is left of a range behind a place in it: first those with the same key, then those beyond. Two questions and not
 * one with $or, which servers answer by sorting all there is, or by merging two walks at best.
 */
function rangeFilters(
  field: string,
  { low, high }: TextRange,
  past: { key: string; id: string } | undefined,
  reverse: boolean,
): readonly Filter<StoredDocument>[] {
  const within = (lowest: object, highest: string | undefined): Filter<StoredDocument> => ({
    [field]: { ...lowest, ...(highest === undefined ? {} : { $lt: highest }) },
  });
  if (high !== undefined && compareText(low, high) >= 0) return [];
  if (past === undefined) return [within({ $gte: low }, high)];
  const beforeRange = compareText(past.key, low) < 0;
  const behindRange = high !== undefined && compareText(past.key, high) >= 0;
  if (beforeRange || behindRange) return beforeRange === reverse ? [] : [within({ $gte: low }, high)];
  const ties: Filter<StoredDocument> = {
    [field]: past.key,
    _id: reverse ? { $lt: past.id } : { $gt: past.id },
  };
  return [ties, reverse ? within({ $gte: low }, past.key) : within({ $gt: past.key }, high)];
}

/** Ids are strings, and every number sorts before them. */
function idFilters(options: ScanOptions): readonly Filter<StoredDocument>[] {
  checkBounds('_id', 1, options);
  const first = (key: IndexKey | undefined): string | number | undefined =>
    typeof key === 'object' ? key[0] : key;
  const [from, to, prefix] = [first(options.from), first(options.to), first(options.prefix)];
  // A prefix stands for both bounds.
  if (prefix === undefined ? typeof to === 'number' : typeof prefix === 'number') return [];
  const conditions: object[] = [];
  if (prefix !== undefined) conditions.push({ _id: prefix });
  else {
    if (typeof from === 'string') conditions.push({ _id: { $gte: from } });
    if (to !== undefined) conditions.push({ _id: { $lt: to } });
  }
  if (options.after !== undefined)
    conditions.push({
      _id: options.reverse === true ? { $lt: options.after.id } : { $gt: options.after.id },
    });
  return [conditions.length === 0 ? {} : { $and: conditions }];
}

function stored<T extends Document>({ _id, v, d }: Pick<StoredDocument, '_id' | 'v' | 'd'>): Stored<T> {
  return { id: _id, version: v, doc: d as T };
}

export const storeClosed = (): RapportError =>
  new RapportError('DOCUMENT_STORE_CLOSED', 'unavailable', 'the document store was closed');
