import { randomUUID } from 'node:crypto';
import { RapportError } from '@rapport/kernel';
import type { Document, WriteResult } from '../../document-store.js';
import { answered } from './answered.js';
import type { Change, Outcome, RunChanges } from './bulk-writes.js';
import type { DeclaredIndexes, Documents, StoredDocument } from './stored-document.js';

/** A write as it was asked for. */
export interface AskedWrite {
  readonly id: string;
  /** Absent: remove. */
  readonly doc?: Document;
  readonly keys?: Readonly<Record<string, string>>;
  readonly expectedVersion: number | undefined;
}

interface Head {
  readonly v: number;
  readonly t: string;
}

/** A write on its way: tried until the server's state says what became of it. */
interface Attempt {
  readonly write: AskedWrite;
  readonly at: number;
  /** The same through all repetitions, so that a late success of an earlier one is recognised. */
  readonly token: string;
  /** The version that the change was made against; undefined: to be read first. */
  base: number | undefined;
  /** An answer was missing once: what is found may be our own doing. */
  inDoubt: boolean;
}

const giveUpAfterMs = 30_000;
const longestPauseMs = 1_000;
const process = randomUUID().slice(0, 8);
let counter = 0;

/**
 * Compare-and-set of many documents. Every answer that is missing or says "duplicate" is only a reason to read the
 * document back: version and token decide, never a message text.
 */
export class WriteChanges {
  constructor(
    private readonly documents: Documents,
    private readonly declared: DeclaredIndexes,
    private readonly run: RunChanges,
  ) {}

  async write(writes: readonly AskedWrite[]): Promise<readonly WriteResult[]> {
    const results: WriteResult[] = new Array<WriteResult>(writes.length);
    for (const round of roundsOf(writes)) await this.#round(round, results);
    return results;
  }

  async #round(round: readonly Attempt[], results: WriteResult[]): Promise<void> {
    let open = [...round];
    const giveUpAt = Date.now() + giveUpAfterMs;
    for (let pauseMs = 0; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2 || 5)) {
      const doubtful = await this.#try(open, results);
      if (doubtful.length === 0) return;
      if (Date.now() > giveUpAt) throw unknownOutcome(this.declared.collection, doubtful.length);
      open = doubtful;
      // Losing a race costs no pause at first; a server that does not answer is given time.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Settles what can be settled in one go; answers what has to be tried again. */
  async #try(open: readonly Attempt[], results: WriteResult[]): Promise<Attempt[]> {
    try {
      await this.#readBases(open.filter((attempt) => attempt.base === undefined));
    } catch {
      return [...open];
    }
    const changes: { attempt: Attempt; change: Change }[] = [];
    for (const attempt of open) {
      const change = this.#changeOf(attempt);
      if (change === undefined)
        results[attempt.at] =
          attempt.base === 0
            ? { kind: 'written', version: 0 }
            : { kind: 'conflict', version: attempt.base ?? 0 };
      else changes.push({ attempt, change });
    }
    if (changes.length === 0) return [];
    const outcomes = await this.run(changes.map(({ change }) => change));
    const doubtful: { attempt: Attempt; outcome: Outcome }[] = [];
    changes.forEach(({ attempt }, at) => {
      const outcome = outcomes[at] ?? 'unknown';
      if (outcome === 'done') results[attempt.at] = done(attempt);
      else doubtful.push({ attempt, outcome });
    });
    if (doubtful.length === 0) return [];
    return this.#readBack(doubtful, results);
  }

  async #readBack(
    doubtful: readonly { attempt: Attempt; outcome: Outcome }[],
    results: WriteResult[],
  ): Promise<Attempt[]> {
    for (const { attempt, outcome } of doubtful) if (outcome === 'unknown') attempt.inDoubt = true;
    let heads: ReadonlyMap<string, Head>;
    try {
      heads = await this.#heads(doubtful.map(({ attempt }) => attempt.write.id));
    } catch {
      return doubtful.map(({ attempt }) => attempt);
    }
    const again: Attempt[] = [];
    for (const { attempt, outcome } of doubtful) {
      const result = await this.#judge(attempt, outcome, heads.get(attempt.write.id));
      if (result === undefined) again.push(attempt);
      else results[attempt.at] = result;
    }
    return again;
  }

  /** What became of a write, from what stands there now; undefined: nothing yet, try again. */
  async #judge(attempt: Attempt, outcome: Outcome, head: Head | undefined): Promise<WriteResult | undefined> {
    const { write, token, inDoubt } = attempt;
    const base = attempt.base ?? 0;
    const version = head?.v ?? 0;
    if (head?.t === token) return { kind: 'written', version };
    if (version === base && outcome === 'duplicate') return this.#takenIndex(write);
    if (version === base) return undefined;
    if (write.doc === undefined && version === 0 && (inDoubt || write.expectedVersion === undefined))
      return { kind: 'written', version: 0 };
    // Exactly one write makes version base + 1, and it was not ours. Anything further on, and nobody can tell any more.
    if (inDoubt && !(write.doc !== undefined && version === base + 1))
      throw unknownOutcome(this.declared.collection, 1);
    if (write.expectedVersion !== undefined) return { kind: 'conflict', version };
    attempt.base = undefined;
    return undefined;
  }

  /** Which unique index refused the document; undefined when the key is free again. */
  async #takenIndex({ id, keys = {} }: AskedWrite): Promise<WriteResult | undefined> {
    for (const { name, unique } of this.declared.indexes) {
      const key = keys[name];
      if (!unique || key === undefined) continue;
      const owner = await this.documents.findOne({ [`k.${name}`]: key }, { projection: { _id: 1 } });
      if (owner !== null && owner._id !== id) return { kind: 'duplicate', index: name };
    }
    return undefined;
  }

  async #readBases(attempts: readonly Attempt[]): Promise<void> {
    if (attempts.length === 0) return;
    const heads = await this.#heads(attempts.map(({ write }) => write.id));
    for (const attempt of attempts) attempt.base = heads.get(attempt.write.id)?.v ?? 0;
  }

  async #heads(ids: readonly string[]): Promise<ReadonlyMap<string, Head>> {
    const found = await answered(
      this.documents
        .find({ _id: { $in: [...ids] } }, { projection: { v: 1, t: 1 }, batchSize: ids.length })
        .toArray(),
    );
    return new Map(found.map(({ _id, v, t }) => [_id, { v, t }]));
  }

  /** Undefined where there is nothing to do. */
  #changeOf({ write, base = 0, token }: Attempt): Change | undefined {
    const { id, doc } = write;
    if (doc === undefined)
      return base === 0 || write.expectedVersion === 0 ? undefined : { kind: 'remove', id, version: base };
    const document: StoredDocument = {
      _id: id,
      v: base + 1,
      t: token,
      x: this.declared.fingerprint,
      k: write.keys ?? {},
      d: doc,
    };
    return base === 0 ? { kind: 'insert', id, document } : { kind: 'replace', id, version: base, document };
  }
}

function done({ write, base = 0 }: Attempt): WriteResult {
  return { kind: 'written', version: write.doc === undefined ? 0 : base + 1 };
}

/**
 * Each id at most once in a round, since a bulk is not in order. Sorted by id, so that two writers of the same
 * documents never wait for each other in a circle.
 */
function roundsOf(writes: readonly AskedWrite[]): Attempt[][] {
  const rounds: Attempt[][] = [];
  const uses = new Map<string, number>();
  writes.forEach((write, at) => {
    const round = uses.get(write.id) ?? 0;
    uses.set(write.id, round + 1);
    // A blind write and a removal of what must not exist need to know what stands there.
    const base =
      write.expectedVersion === undefined || (write.doc === undefined && write.expectedVersion === 0)
        ? undefined
        : write.expectedVersion;
    (rounds[round] ??= []).push({
      write,
      at,
      token: `${process}-${(counter++).toString(36)}`,
      base,
      inDoubt: false,
    });
  });
  for (const round of rounds)
    round.sort((a, b) => (a.write.id < b.write.id ? -1 : a.write.id > b.write.id ? 1 : 0));
  return rounds;
}

function unknownOutcome(collection: string, count: number): RapportError {
  return new RapportError(
    'DOCUMENT_STORE_WRITE_UNKNOWN',
    'unavailable',
    `${count} write(s) to ${collection} were not answered, and it cannot be told whether they happened: read again and decide anew`,
  );
}
