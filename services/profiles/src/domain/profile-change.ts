import type { IdentifiedEvent, JsonObject, JsonValue, ProfileChange } from '@rapport/contracts';
import { isoOf } from './instants.js';
import type { Person } from './person.js';
import { viewAt } from './view.js';

/** Bytes of events that a change carries whole; beyond it, events keep only their short, plain properties. */
export const maxWholeEventBytes = 256 * 1024;
const maxPlainLength = 256;

/** An event that a change tells of, with the size of its record. */
export interface ToldEvent {
  readonly event: IdentifiedEvent;
  readonly bytes: number;
}

/** What happened to a person in one write, with the state after it. */
export function changeOf(person: Person, version: number, events: readonly ToldEvent[]): ProfileChange {
  return {
    profileId: person.profileId,
    version,
    asOf: isoOf(person.asOfMs),
    transitions: person.transitions.map(({ segment, kind, atMs }) => ({ segment, kind, at: isoOf(atMs) })),
    events: tellEvents(events),
    ...(person.mergedInto === undefined ? {} : { mergedInto: person.mergedInto }),
    view: viewAt(person, person.asOfMs),
  };
}

/** All of them, however many: journeys and measurement know of no others. A batch of the room bounds their number. */
function tellEvents(events: readonly ToldEvent[]): ProfileChange['events'] {
  let bytes = events.reduce((sum, one) => sum + one.bytes, 0);
  return events.map(({ event, bytes: size }) => {
    const isWhole = bytes <= maxWholeEventBytes;
    if (!isWhole) bytes -= size;
    const properties = isWhole ? event.properties : plain(event.properties);
    return {
      type: event.type,
      ...(event.event === undefined ? {} : { event: event.event }),
      messageId: event.messageId,
      timestamp: event.timestamp,
      receivedAt: event.receivedAt,
      ...(properties === undefined ? {} : { properties }),
    };
  });
}

/** The properties without lists, objects and long texts: totals stay, lines go. */
function plain(properties: JsonObject | undefined): JsonObject | undefined {
  if (properties === undefined) return undefined;
  const isPlain = (value: JsonValue): boolean =>
    typeof value === 'string' ? value.length <= maxPlainLength : typeof value !== 'object';
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([, value]) => isPlain(value))
      .slice(0, 50),
  );
}
