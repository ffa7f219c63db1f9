import type { AcceptedEvent } from '@rapport/contracts';
import { RapportError, takeTurn, type Origin } from '@rapport/kernel';
import type { Timeline, TimelineEntry, TimelinePoint } from '../ports/timeline.js';
import { profilesErrors } from '../profiles.errors.js';

export interface TimelineQuery {
  readonly origins: readonly Origin[];
  /** Segment event type; absent: all. */
  readonly type?: string;
  /** Track event name; absent: all. */
  readonly event?: string;
  /** Inclusive. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  readonly cursor?: string;
  readonly limit: number;
}

export interface TimelinePage {
  readonly events: readonly TimelineEntry[];
  /** Undefined at the end. */
  readonly nextCursor: string | undefined;
}

/** Entries looked at for one page: a filter that matches little ends a page early, with a cursor to go on. */
const mostLookedAt = 5_000;
const entriesPerRead = 100;

/** A page of a person's events, newest first, over all origins together. */
export async function readTimelinePage(timeline: Timeline, query: TimelineQuery): Promise<TimelinePage> {
  const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
  const events: TimelineEntry[] = [];
  let lookedAt = 0;
  let last: TimelineEntry | undefined;
  for await (const entry of mergedTimeline(timeline, {
    ...query,
    newestFirst: true,
    ...(after && { after }),
  })) {
    if (events.length === query.limit || lookedAt === mostLookedAt)
      return { events, nextCursor: writeCursor(last ?? entry) };
    lookedAt++;
    last = entry;
    if (isAskedFor(entry.event, query)) events.push(entry);
  }
  return { events, nextCursor: undefined };
}

const isAskedFor = (event: AcceptedEvent, { type, event: name }: TimelineQuery): boolean =>
  (type === undefined || event.type === type) && (name === undefined || event.event === name);

export interface MergedQuery {
  readonly origins: readonly Origin[];
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly after?: TimelinePoint;
  readonly newestFirst: boolean;
}

/** The events of several origins in one order: time, message id, origin. Reads each origin a page at a time. */
export async function* mergedTimeline(timeline: Timeline, query: MergedQuery): AsyncGenerator<TimelineEntry> {
  const streams = query.origins.map((origin) => new OriginStream(timeline, origin, query));
  await Promise.all(streams.map((stream) => stream.fill()));
  const direction = query.newestFirst ? -1 : 1;
  for (;;) {
    let first: OriginStream | undefined;
    for (const stream of streams) {
      if (stream.head === undefined) continue;
      if (first?.head === undefined || direction * comparePoints(stream.head, first.head) < 0) first = stream;
    }
    if (first?.head === undefined) return;
    yield first.head;
    // The store may answer within the same turn of the event loop, thousands of times in a row.
    const turn = takeTurn();
    if (turn !== undefined) await turn;
    await first.advance();
  }
}

function comparePoints(one: TimelinePoint, other: TimelinePoint): number {
  if (one.atMs !== other.atMs) return one.atMs - other.atMs;
  if (one.messageId !== other.messageId) return one.messageId < other.messageId ? -1 : 1;
  return one.origin < other.origin ? -1 : one.origin > other.origin ? 1 : 0;
}

class OriginStream {
  #page: readonly TimelineEntry[] = [];
  #at = 0;
  #isLast = false;

  constructor(
    readonly timeline: Timeline,
    readonly origin: Origin,
    readonly query: MergedQuery,
  ) {}

  get head(): TimelineEntry | undefined {
    return this.#page[this.#at];
  }

  async advance(): Promise<void> {
    this.#at++;
    if (this.#at === this.#page.length && !this.#isLast) await this.fill();
  }

  async fill(): Promise<void> {
    const after = this.#page.at(-1) ?? this.query.after;
    const { fromMs, toMs, newestFirst } = this.query;
    this.#page = await this.timeline.read(this.origin, {
      newestFirst,
      limit: entriesPerRead,
      ...(fromMs === undefined ? {} : { fromMs }),
      ...(toMs === undefined ? {} : { toMs }),
      ...(after === undefined ? {} : { after }),
    });
    this.#at = 0;
    this.#isLast = this.#page.length < entriesPerRead;
  }
}

const writeCursor = ({ atMs, messageId, origin }: TimelinePoint): string =>
  Buffer.from(JSON.stringify([atMs, messageId, origin])).toString('base64url');

function readCursor(text: string): TimelinePoint {
  try {
    const point = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown;
    if (
      Array.isArray(point) &&
      typeof point[0] === 'number' &&
      typeof point[1] === 'string' &&
      typeof point[2] === 'string'
    ) {
      return { atMs: point[0], messageId: point[1], origin: point[2] as Origin };
    }
  } catch {
    // Told below.
  }
  throw new RapportError(
    profilesErrors.cursorInvalid,
    'invalid',
    'expected a cursor as the page before gave it; leave it out to begin at the newest event',
  );
}
