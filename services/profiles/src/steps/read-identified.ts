import {
  readRecords,
  topics,
  type IdentifiedEvent,
  type PlacedRecord,
  type ReadRecord,
  type Rejection,
} from '@rapport/contracts';
import { profileEventOf, type ProfileEvent } from '../domain/profile-event.js';

/** A record of `events.identified.v1` that was read. */
export interface ReadEvent {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly record: IdentifiedEvent;
  readonly event: ProfileEvent;
  /** As it stands in the log. */
  readonly placed: PlacedRecord;
}

/** Reads records; what is not what the topic promises is refused. */
export async function readIdentified(
  records: readonly PlacedRecord[],
): Promise<{ readonly reads: readonly ReadEvent[]; readonly refused: readonly Rejection[] }> {
  const { read, refused } = await readRecords(topics.identified.name, records);
  return { reads: read.map(readEventOf), refused };
}

const readEventOf = ({ record: placed, value: record }: ReadRecord<IdentifiedEvent>): ReadEvent => ({
  offset: placed.offset,
  bytes: placed.value ?? new Uint8Array(),
  record,
  event: profileEventOf(record),
  placed,
});
