import { decodeJson, type AcceptedEvent, type EventType } from '@rapport/contracts';
import type { Collection, DocumentStore } from '@rapport/document-store';
import type { Origin } from '@rapport/kernel';
import type {
  ClaimAnswer,
  Timeline,
  TimelineClaim,
  TimelineEntry,
  TimelineRange,
} from '../ports/timeline.js';
import { separator, storeKey } from './store-key.js';

/** One event of one origin; `json` is the event as it came. */
interface TimelineDocument {
  readonly origin: string;
  readonly at: number;
  readonly messageId: string;
  readonly type: EventType;
  readonly json: Uint8Array;
  /** Partition and offset of the record that folds it, and of the accepted event. */
  readonly claim: readonly [partition: number, offset: number];
  readonly accepted: readonly [partition: number, offset: number];
}

const idOf = ({ origin, messageId, trust }: Pick<TimelineClaim, 'origin' | 'messageId' | 'trust'>): string =>
  `${storeKey(origin)}${separator}${storeKey(messageId)}${trust === 'browser' ? `${separator}b` : ''}`;

/** The timeline as documents, unique by origin and message id. */
export class DocumentTimeline implements Timeline {
  private constructor(private readonly entries: Collection<TimelineDocument>) {}

  static async open(store: DocumentStore): Promise<DocumentTimeline> {
    return new DocumentTimeline(
      await store.collection<TimelineDocument>({
        name: 'profiles.timeline',
        indexes: [{ name: 'time', fields: ['origin', 'at', 'messageId'] }],
      }),
    );
  }

  async claim(claims: readonly TimelineClaim[]): Promise<readonly ClaimAnswer[]> {
    const results = await this.entries.write(
      claims.map((claim) => ({ id: idOf(claim), doc: documentOf(claim), expectedVersion: 0 })),
    );
    const held = claims.filter((_, index) => results[index]?.kind !== 'written');
    const stored = held.length === 0 ? [] : await this.entries.getMany(held.map(idOf));
    const answers = new Map(
      stored.map((one, index): [TimelineClaim, ClaimAnswer] => {
        const claim = held[index] as TimelineClaim;
        if (one === undefined) throw new Error(`the timeline lost ${idOf(claim)} between a write and a read`);
        return [
          claim,
          { kind: 'held', claim: placeOf(one.doc.claim), acceptedAt: placeOf(one.doc.accepted) },
        ];
      }),
    );
    return claims.map((claim) => answers.get(claim) ?? { kind: 'taken' });
  }

  async release(claims: readonly TimelineClaim[]): Promise<void> {
    const stored = await this.entries.getMany(claims.map(idOf));
    const ours = claims.flatMap((claim, index) => {
      const one = stored[index];
      const [partition, offset] = one?.doc.claim ?? [];
      return one !== undefined && partition === claim.claim.partition && offset === claim.claim.offset
        ? [one]
        : [];
    });
    await this.entries.write(
      ours.map(({ id, version }) => ({ id, remove: true as const, expectedVersion: version })),
    );
  }

  async read(origin: Origin, range: TimelineRange): Promise<readonly TimelineEntry[]> {
    const key = storeKey(origin);
    const found = await this.entries.scan('time', {
      ...boundsOf(key, origin, range),
      reverse: range.newestFirst,
      limit: range.limit,
    });
    return found.map(({ doc }) => ({
      atMs: doc.at,
      messageId: doc.messageId,
      origin,
      event: decodeJson<AcceptedEvent>(doc.json),
      claim: placeOf(doc.claim),
    }));
  }
}

const documentOf = ({
  origin,
  messageId,
  atMs,
  type,
  json,
  claim,
  acceptedAt,
}: TimelineClaim): TimelineDocument => ({
  origin: storeKey(origin),
  at: atMs,
  messageId: storeKey(messageId),
  type,
  json,
  claim: [claim.partition, claim.offset],
  accepted: [acceptedAt.partition, acceptedAt.offset],
});

const placeOf = ([partition, offset]: readonly [number, number]): { partition: number; offset: number } => ({
  partition,
  offset,
});

type Bound = readonly [string, number, string] | readonly [string, number] | readonly [string];

/** The part of an origin's index that a range asks for. Lower ends are inclusive, upper ends exclusive. */
function boundsOf(
  key: string,
  origin: Origin,
  { fromMs, toMs, after, newestFirst }: TimelineRange,
): { from: Bound; to: Bound } {
  let from: Bound = fromMs === undefined ? [key] : [key, fromMs];
  let to: Bound = toMs === undefined ? [key, Number.MAX_SAFE_INTEGER] : [key, toMs];
  if (after !== undefined) {
    // Where instant and message id are the same, origins come in the order of their names.
    const isStillToCome = newestFirst ? origin < after.origin : origin > after.origin;
    const id = storeKey(after.messageId);
    if (newestFirst) to = [key, after.atMs, isStillToCome ? `${id}${separator}` : id];
    else from = [key, after.atMs, isStillToCome ? id : `${id}${separator}`];
  }
  return { from, to };
}
