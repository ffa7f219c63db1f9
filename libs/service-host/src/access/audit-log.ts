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
    const heads = bounds.map(
      ({ first, end }, partition) =>
        new BackwardReader(this.parts.log, partition, first, from?.places[partition] ?? [end, whole]),
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
      // Entries of one partition are in the order of time but for a moment: reads gather, and processes differ.
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
    const places: Cursor = { places: heads.map((head) => head.place), ended: [...ended].slice(-mostOpen) };
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

  /** What one token did is one record of the log: reads come by the thousand, and a record costs more than an entry. */
  async #append(entries: readonly AuditRecord[]): Promise<void> {
    const byToken = new Map<string, AuditRecord[]>();
    for (const entry of entries) {
      const own = byToken.get(entry.token);
      if (own === undefined) byToken.set(entry.token, [entry]);
      else own.push(entry);
    }
    await this.parts.log.append(
      topic,
      [...byToken].map(([token, own]) => {
        const { id, at } = own[0] ?? { id: '', at: '' };
        return {
          key: token,
          value: encodeJson(own),
          headers: cloudEventHeaders(topic, id, at),
          timestampMs: Date.parse(at),
        };
      }),
    );
    this.parts.onWritten?.(entries.length);
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
  `${kind === 'begun' ? begunPrefix : 'r_'}${ofThisProcess}-${(calls++).toString(36)}`;
/** Random once, counted from there: randomness for each read would cost more than the rest of its entry. */
const ofThisProcess = randomBytes(9).toString('base64url');
let calls = 0;
const begunPrefix = 'c_';

/** Processes write one partition; their clocks differ by less. */
const disorderMs = 60_000;
/** How many entries one call looks at; a filter that fits none must not read the whole topic. */
const maxLookBack = 50_000;
const pageSize = 50;
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

/**
 * Where to go on in a partition, backwards: the offset after the next record, and how many entries of that record are
 * still to come.
 */
type Place = readonly [offset: number, left: number];
/** As many entries as the record has. */
const whole = -1;

interface Cursor {
  readonly places: readonly Place[];
  readonly ended: readonly string[];
}

function cursorOf(text: string, partitions: number): Cursor {
  try {
    const cursor = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Cursor;
    const isCursor =
      Array.isArray(cursor.places) &&
      cursor.places.length === partitions &&
      cursor.places.every(isPlace) &&
      isTexts(cursor.ended);
    if (isCursor) return cursor;
  } catch {
    // told below
  }
  throw new RapportError(
    'AUDIT_CURSOR_INVALID',
    'invalid',
    'cursor: expected a cursor as the page before gave it; leave it out for the first page',
  );
}

const isPlace = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length === 2 &&
  Number.isSafeInteger(value[0]) &&
  Number.isSafeInteger(value[1]) &&
  value[0] >= 0 &&
  value[1] >= whole;

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

/** A record's entries; none where it was not written by us. */
function entriesIn(value: Uint8Array | null): readonly AuditRecord[] {
  try {
    const entries: unknown = value === null ? [] : decodeJson(value);
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(entry: unknown): entry is AuditRecord {
  const { id, at, token, action, door, subject, outcome, status, address, count } = (entry ??
    {}) as Partial<AuditRecord>;
  const texts = [id, at, token, action, door, outcome, status, address];
  return (
    texts.every((text) => typeof text === 'string') &&
    !Number.isNaN(Date.parse(at ?? '')) &&
    typeof count === 'number' &&
    typeof subject === 'object' &&
    isTexts(Object.values(subject ?? { none: 0 }))
  );
}

/** One partition from its end to its beginning, a page at a time. */
class BackwardReader {
  #page: { readonly offset: number; readonly index: number; readonly record: AuditRecord }[] = [];
  /** Everything below it has still to be read. */
  #below: number;

  constructor(
    readonly log: Pick<EventLog, 'read'>,
    readonly partition: number,
    readonly first: number,
    /** Before the next entry to be taken. */
    public place: Place,
  ) {
    this.#below = place[0];
  }

  async peek(): Promise<AuditRecord | undefined> {
    while (this.#page.length === 0 && this.#below > this.first) {
      const from = Math.max(this.first, this.#below - pageSize);
      const read = await this.log.read(topic, this.partition, from, this.#below - from);
      for (const { offset, value } of read) {
        if (offset >= this.#below) continue;
        const [end, left] = this.place;
        const entries = entriesIn(value);
        const taken = offset === end - 1 && left !== whole ? entries.slice(0, left) : entries;
        this.#page.push(...taken.map((record, index) => ({ offset, index, record })));
      }
      this.#below = from;
    }
    return this.#page.at(-1)?.record;
  }

  take(): void {
    const taken = this.#page.pop();
    if (taken !== undefined) this.place = [taken.offset + 1, taken.index];
  }
}
