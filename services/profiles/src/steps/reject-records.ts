import type { RejectedEvent } from '@rapport/contracts';
import { isoOf } from '../domain/instants.js';
import type { ChangeFeed, PlacedRecord } from '../ports/change-feed.js';

/** A record that this room cannot use, and why. */
export interface Refused {
  readonly record: PlacedRecord;
  readonly code: string;
  readonly detail: string;
}

/** The original of a refusal is cut here. */
const maxOriginalLength = 32 * 1024;

/** Puts records into the rejected topic, with their place and their text. */
export async function rejectRecords(
  feed: ChangeFeed,
  place: { readonly topic: string; readonly partition: number },
  refused: readonly Refused[],
  nowMs: number,
): Promise<void> {
  if (refused.length === 0) return;
  const decoder = new TextDecoder();
  await feed.reject(
    refused.map(({ record, code, detail }) => {
      const event: RejectedEvent = {
        stage: 'profiles',
        code,
        detail,
        rejectedAt: isoOf(nowMs),
        original: decoder.decode(record.bytes).slice(0, maxOriginalLength),
        position: { topic: place.topic, partition: place.partition, offset: record.offset },
      };
      return { key: record.key, event };
    }),
  );
}
