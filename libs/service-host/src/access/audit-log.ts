import { randomBytes } from 'node:crypto';
import { cloudEventHeaders, decodeJson, encodeJson, topics, type AuditRecord } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import { messageOf, RapportError, type Clock } from '@rapport/kernel';

/** A call as the audit log sees it, before it is known how it ended. */
export type AuditedCall = Pick<AuditRecord, 'token' | 'action' | 'door' | 'subject' | 'address'>;

/** How a call ended. */
export interface Ending {
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly status: string;
}

export interface AuditLogParts {
  readonly log: Pick<EventLog, 'append' | 'bounds' | 'read'>;
  readonly clock: Clock;
  /** Told how many entries of reads could not be kept. */
  readonly onLost?: (entries: number, cause: string) => void;
  readonly onWritten?: (entries: number) => void;
  /** How long a change waits for its entry. Default 5000. */
  readonly timeoutMs?: number;
}

export interface AuditQuestion {
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly token?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** How long entries of reads gather; the same call about the same within it is one entry with a count. */
const gatherMs = 100;
/** Entries of reads that wait while the log does not take any; what comes beyond is counted as lost. */
const maxWaiting = 10_000;
const perAppend = 500;

const topic = topics.auditRecorded.name;

/**
 * Who did what: append-only, in the event log, kept as long as the topic. A change is written before it is done and is
 * refused where that cannot be; reads are written together, within a tenth of a second, and go on without.
 */
export class AuditLog {
  readonly #waiting = new Map<string, AuditRecord>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(readonly parts: AuditLogParts) {}

  /** Writes that a change begins; resolves when that is durable. Answers what to end it with. Throws AUDIT_UNAVAILABLE. */
  async begin(call: AuditedCall): Promise<(ending: Ending) => void> {
    const id = newId('begun');
    const timeoutMs = this.parts.timeoutMs ?? 5_000;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      await Promise.race([this.#append([this.#record(id, call, { outcome: 'begun', status: '' })]), late]);
    } catch (thrown) {
      throw new RapportError(
        'AUDIT_UNAVAILABLE',
        'unavailable',
        `the audit log did not take the entry (${messageOf(thrown)}), so nothing was changed; try again later`,
      );
    } finally {
      clearTimeout(timer);
    }
    return (ending) => this.#note(this.#record(id, call, ending), id);
  }

  /** Notes a call that ended; it is written soon. */
  note(call: AuditedCall, ending: Ending): void {
    const { token, action, door, subject, address } = call;
    const same = JSON.stringify([token, action, door, subject, address, ending.status]);
    const waiting = this.#waiting.get(same);
    if (waiting === undefined) this.#note(this.#record(newId('noted'), call, ending), same);
    else this.#waiting.set(same, { ...waiting, count: waiting.count + 1 });
  }

  /** Resolves when everything that was noted so far was written, or given up. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await (this.#writing = this.#writing.then(() => this.#writeWaiting()));
  }

  /** The newest entries that fit, and where to go on. A change whose end is known is one entry. Throws AUDIT_CURSOR_INVALID. */
  async list(question: AuditQuestion): Promise<{ entries: readonly AuditRecord[]; nextCursor?: string }> {
    await this.#flushBriefly();
    const { limit } = question;
    const bounds = await this.parts.log.bounds(topic);
    const from = question.cursor === undefined ? undefined : cursorOf(question.cursor, bounds.length);
    // Changes whose end was seen, and whose beginning is still to come as we walk back.
    const ended = new Set<string>(from?.ended);
    const ends = from?.ends ?? bounds.map(({ end }) => end);
    const heads = bounds.map(
      ({ first }, partition) =>
        new BackwardReader(this.parts.log, partition, first, ends[partition] ?? first),
    );
    const entries: AuditRecord[] = [];
    for (let looked = 0; entries.length < limit && looked < maxLookBack; looked++) {
      const peeked = await Promise.all(heads.map((head) => head.peek()));
      const newest = peeked.reduce<number | undefined>((best, record, at) => {
        if (record === undefined) return best;
        return best === undefined || record.at > (peeked[best]?.at ?? '') ? at : best;
      }, undefined);
      const record = newest === undefined ? undefined : peeked[newest];
      if (newest === undefined || record === undefined) break;
      // Entries of one partition are in the order of time but for a few milliseconds between processes.
      if (question.sinceMs !== undefined && Date.parse(record.at) < question.sinceMs - disorderMs) break;
      heads[newest]?.take();
      if (record.outcome === 'begun' && ended.delete(record.id)) continue;
      if (record.outcome !== 'begun' && record.id.startsWith(begunPrefix)) ended.add(record.id);
      if (fits(record, question)) entries.push(record);
    }
    const more = (await Promise.all(heads.map((head) => head.peek()))).some(
      (record) =>
        record !== undefined &&
        (question.sinceMs === undefined || Date.parse(record.at) >= question.sinceMs - disorderMs),
    );
    if (!more) return { entries };
    const places: Cursor = { ends: heads.map((head) => head.end), ended: [...ended].slice(-mostOpen) };
    return { entries, nextCursor: Buffer.from(JSON.stringify(places)).toString('base64url') };
  }

  #record(id: string, call: AuditedCall, ending: Pick<AuditRecord, 'outcome' | 'status'>): AuditRecord {
    const { token, action, door, subject, address } = call;
    const at = new Date(this.parts.clock.now()).toISOString();
    return { id, at, token, action, door, subject, ...ending, address, count: 1 };
  }

  #note(record: AuditRecord, key: string): void {
    if (this.#waiting.size >= maxWaiting) {
      this.parts.onLost?.(record.count, `${maxWaiting} entries wait already`);
      return;
    }
    this.#waiting.set(key, record);
    this.#timer ??= setTimeout(() => void this.flush(), gatherMs).unref();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.size > 0) {
      const some = [...this.#waiting].slice(0, perAppend);
      for (const [key] of some) this.#waiting.delete(key);
      try {
        await this.#append(some.map(([, record]) => record));
      } catch (thrown) {
        const lost = some.reduce((sum, [, { count }]) => sum + count, 0);
        this.parts.onLost?.(lost, messageOf(thrown));
      }
    }
  }

  async #append(records: readonly AuditRecord[]): Promise<void> {
    await this.parts.log.append(
      topic,
      records.map((record) => ({
        key: record.token,
        value: encodeJson(record),
        headers: cloudEventHeaders(topic, record.id, record.at),
        timestampMs: Date.parse(record.at),
      })),
    );
    this.parts.onWritten?.(records.length);
  }

  /** A reader finds what it has just done; it does not wait for a log that takes nothing. */
  async #flushBriefly(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 1_000)));
    await Promise.race([this.flush(), late]);
    clearTimeout(timer);
  }
}

/** Only a call that was written as begun has an id of that kind: its two entries are told as one. */
const newId = (kind: 'begun' | 'noted'): string =>
  `${kind === 'begun' ? begunPrefix : 'r_'}${randomBytes(9).toString('base64url')}`;
const begunPrefix = 'c_';

/** Processes write one partition; their clocks differ by less. */
const disorderMs = 60_000;
/** How many entries one call looks at; a filter that fits none must not read the whole topic. */
const maxLookBack = 50_000;
const pageSize = 200;
/** Ended calls that a cursor remembers while their beginning is still to come: it has to fit into a URL. */
const mostOpen = 200;

function fits(record: AuditRecord, { sinceMs, untilMs, token, action, subject }: AuditQuestion): boolean {
  const atMs = Date.parse(record.at);
  return (
    (sinceMs === undefined || atMs >= sinceMs) &&
    (untilMs === undefined || atMs < untilMs) &&
    (token === undefined || record.token === token) &&
    (action === undefined || record.action === action) &&
    (subject === undefined ||
      Object.values(record.subject).some((value) => value.split(' ').includes(subject)))
  );
}

interface Cursor {
  /** The offset after the next record to look at, per partition. */
  readonly ends: readonly number[];
  readonly ended: readonly string[];
}

function cursorOf(text: string, partitions: number): Cursor {
  try {
    const cursor = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Cursor;
    const offsets = Array.isArray(cursor.ends) && cursor.ends.length === partitions;
    if (offsets && cursor.ends.every((end) => Number.isSafeInteger(end) && end >= 0) && isTexts(cursor.ended))
      return cursor;
  } catch {
    // told below
  }
  throw new RapportError(
    'AUDIT_CURSOR_INVALID',
    'invalid',
    'cursor: expected a cursor as the page before gave it; leave it out for the first page',
  );
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

/** One partition from its end to its beginning, a page at a time. */
class BackwardReader {
  #page: { readonly offset: number; readonly record: AuditRecord }[] = [];
  /** Everything below it has still to be read. */
  #below: number;

  constructor(
    readonly log: Pick<EventLog, 'read'>,
    readonly partition: number,
    readonly first: number,
    /** The offset after the next record to be taken. */
    public end: number,
  ) {
    this.#below = end;
  }

  async peek(): Promise<AuditRecord | undefined> {
    while (this.#page.length === 0 && this.#below > this.first) {
      const from = Math.max(this.first, this.#below - pageSize);
      const read = await this.log.read(topic, this.partition, from, this.#below - from);
      this.#page = read.flatMap(({ offset, value }) =>
        value === null || offset >= this.#below ? [] : [{ offset, record: decodeJson<AuditRecord>(value) }],
      );
      this.#below = from;
    }
    return this.#page.at(-1)?.record;
  }

  take(): void {
    const taken = this.#page.pop();
    if (taken !== undefined) this.end = taken.offset;
  }
}
