import { decodeJson, eventTypes, type EventType, type IdentifiedEvent } from '@rapport/contracts';
import { messageOf, pass, reject, type Outcome } from '@rapport/kernel';
import { profileEventOf, type ProfileEvent } from '../domain/profile-event.js';
import type { PlacedRecord } from '../ports/change-feed.js';
import { profilesErrors } from '../profiles.errors.js';

/** A record of `events.identified.v1` that was read. */
export interface ReadEvent extends PlacedRecord {
  readonly record: IdentifiedEvent;
  readonly event: ProfileEvent;
}

const knownTypes: ReadonlySet<EventType> = new Set(eventTypes);

/** Reads a record; what is not the JSON that the topic promises is rejected. */
export function readIdentified(placed: PlacedRecord): Outcome<ReadEvent> {
  let record: IdentifiedEvent;
  try {
    record = decodeJson<IdentifiedEvent>(placed.bytes);
  } catch (thrown) {
    return reject(profilesErrors.recordUnreadable, `expected JSON; ${messageOf(thrown)}`);
  }
  const missing = missingIn(record);
  if (missing !== undefined) return reject(profilesErrors.recordUnreadable, `expected ${missing}`);
  const event = profileEventOf(record);
  if (event === undefined) {
    return reject(profilesErrors.recordUnreadable, 'expected timestamp and receivedAt as ISO 8601 instants');
  }
  return pass({ ...placed, record, event });
}

function missingIn(record: Partial<IdentifiedEvent> | null): string | undefined {
  if (typeof record !== 'object' || record === null) return 'a JSON object';
  if (record.type === undefined || !knownTypes.has(record.type))
    return `type to be one of ${eventTypes.join(', ')}`;
  for (const field of ['messageId', 'origin', 'profileId', 'timestamp', 'receivedAt'] as const) {
    if (typeof record[field] !== 'string' || record[field] === '') return `${field} as text`;
  }
  for (const field of ['properties', 'traits', 'context'] as const) {
    const value: unknown = record[field];
    if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value)))
      return `${field} as an object`;
  }
  const { acceptedAt } = record;
  if (typeof acceptedAt?.partition !== 'number' || typeof acceptedAt.offset !== 'number') {
    return 'acceptedAt with partition and offset';
  }
  return undefined;
}
