import type { Timeline, TimelineClaim } from '../ports/timeline.js';
import type { ReadEvent } from './read-identified.js';

/**
 * Where an event stands: `fresh` was never seen; `redelivered` is the very record that took the event's place in the
 * timeline; `passed on` was folded by another worker.
 */
export interface ClaimedEvent extends ReadEvent {
  readonly standing: 'fresh' | 'redelivered' | 'passed on';
}

export interface ClaimedEvents {
  /** In the order of the records. */
  readonly events: readonly ClaimedEvent[];
  /** A client's retries: stored once already. */
  readonly duplicates: number;
  /** Accepted once, identified twice: the other record folds it. */
  readonly repeats: number;
}

const claimOf = (partition: number, { offset, bytes, record, event }: ReadEvent): TimelineClaim => ({
  origin: record.origin,
  messageId: record.messageId,
  trust: record.trust,
  atMs: event.atMs,
  type: record.type,
  json: bytes,
  claim: { partition, offset },
  acceptedAt: record.acceptedAt,
});

/** Puts events into the timeline, once each by (origin, messageId); what is there already is told apart. */
export async function claimEvents(
  timeline: Timeline,
  partition: number,
  reads: readonly ReadEvent[],
): Promise<ClaimedEvents> {
  const claiming = reads.filter(({ record }) => record.folded !== true);
  const answers = await timeline.claim(claiming.map((read) => claimOf(partition, read)));
  const answerOf = new Map(claiming.map((read, index) => [read, answers[index]] as const));
  const events: ClaimedEvent[] = [];
  let duplicates = 0;
  let repeats = 0;
  for (const read of reads) {
    const answer = answerOf.get(read);
    if (answer === undefined) events.push({ ...read, standing: 'passed on' });
    else if (answer.kind === 'taken') events.push({ ...read, standing: 'fresh' });
    else if (answer.claim.partition === partition && answer.claim.offset === read.offset) {
      events.push({ ...read, standing: 'redelivered' });
    } else if (isSamePlace(answer.acceptedAt, read.record.acceptedAt)) repeats++;
    else duplicates++;
  }
  return { events, duplicates, repeats };
}

const isSamePlace = (one: TimelineClaim['claim'], other: TimelineClaim['claim']): boolean =>
  one.partition === other.partition && one.offset === other.offset;

/** Takes an event out of the timeline again: it could not be folded. */
export const releaseEvent = (timeline: Timeline, partition: number, read: ReadEvent): Promise<void> =>
  timeline.release([claimOf(partition, read)]);
