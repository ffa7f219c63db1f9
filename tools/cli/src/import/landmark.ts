import type { HttpDoor } from '../platform/http-door.js';
import type { EventUnit } from './import-format.js';

/** One acknowledged event, by which it can be seen whether a platform has worked it in. */
export interface Landmark {
  /** `type:value`. */
  readonly person: string;
  readonly messageId: string;
  readonly timestamp: string;
}

/** Undefined for an event without a person or a time of its own. */
export function landmarkOf(unit: EventUnit): Landmark | undefined {
  const { userId, anonymousId, timestamp, messageId } = unit.event as Readonly<Record<string, unknown>>;
  const person =
    typeof userId === 'string'
      ? `user_id:${userId}`
      : typeof anonymousId === 'string'
        ? `anonymous_id:${anonymousId}`
        : undefined;
  if (person === undefined || typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp)))
    return undefined;
  return { person, messageId: String(messageId), timestamp };
}

/** Whether the event stands in its person's timeline. */
export async function isWorkedIn(
  http: HttpDoor,
  { person, messageId, timestamp }: Landmark,
): Promise<boolean> {
  const from = new Date(Date.parse(timestamp)).toISOString();
  const to = new Date(Date.parse(timestamp) + 1).toISOString();
  const answer = await http.call(
    'GET',
    `/v1/people/${encodeURIComponent(person)}/timeline?from=${from}&to=${to}&limit=500`,
  );
  const events = (answer.body as { events?: readonly { messageId: string }[] } | undefined)?.events ?? [];
  return answer.status === 200 && events.some((event) => event.messageId === messageId);
}
