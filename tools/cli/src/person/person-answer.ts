import type { JsonValue } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import type { HttpDoor } from '../platform/http-door.js';

/** `GET /v1/people/{person}`. */
export interface PersonAnswer {
  readonly profileId: string;
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly traits: Readonly<
    Record<
      string,
      { readonly value: JsonValue; readonly source: string; readonly at: string; readonly messageId: string }
    >
  >;
  readonly computedTraits: Readonly<Record<string, JsonValue>>;
  readonly segments: readonly { readonly name: string; readonly since: string }[];
  readonly consent: Readonly<
    Record<string, { readonly granted: boolean; readonly at: string; readonly source: string }>
  >;
  readonly version: number;
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  readonly timezone?: string;
  readonly settling?: boolean;
}

/** An event of `GET /v1/people/{person}/timeline`. */
export interface TimelineEvent {
  readonly messageId: string;
  readonly type: string;
  readonly event?: string;
  readonly name?: string;
  readonly timestamp: string;
  readonly source: string;
  readonly origin: string;
  readonly properties?: Readonly<Record<string, JsonValue>>;
  readonly traits?: Readonly<Record<string, JsonValue>>;
}

/** A page that a story reads at once, and how many pages it reads at most. */
const pageSize = 500;
const mostPages = 10;

export async function readPerson(http: HttpDoor, person: string): Promise<PersonAnswer> {
  return await http.get<PersonAnswer>(`/v1/people/${encodeURIComponent(person)}`);
}

/** The newest events first; at most 5,000, and then `more` is true. */
export async function readTimeline(
  http: HttpDoor,
  person: string,
): Promise<{ events: TimelineEvent[]; more: boolean }> {
  const events: TimelineEvent[] = [];
  let cursor = '';
  for (let page = 0; page < mostPages; page++) {
    const path = `/v1/people/${encodeURIComponent(person)}/timeline?limit=${pageSize}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const answer = await http.get<{ events: readonly TimelineEvent[]; nextCursor?: string | null }>(path);
    events.push(...answer.events);
    if (!answer.nextCursor) return { events, more: false };
    if (answer.nextCursor === cursor)
      throw new RapportError('TIMELINE_STUCK', 'internal', 'the timeline answered the same cursor twice');
    cursor = answer.nextCursor;
  }
  return { events, more: true };
}
