import type { AcceptedEvent } from '@rapport/contracts';

/** Characters that JSON keeps as they are and that need one byte each. */
const plain = /^[\w\-.:~@/+ ]*$/;

/** A text as JSON. */
export function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * The accepted form without its larger fields and its last brace, as JSON. Written by hand: JSON.stringify of the
 * whole event takes several times as long for these few short texts, and every event pays for them.
 */
export function envelopeOf(event: AcceptedEvent): string {
  const origin = quoted(event.origin);
  let json = `{"type":"${event.type}","messageId":${quoted(event.messageId)},"origin":${origin},"identifiers":[${origin}`;
  for (let index = 1; index < event.identifiers.length; index++)
    json += `,${quoted(event.identifiers[index] ?? '')}`;
  // The instants were written by us or read by a strict form: nothing in them needs quoting.
  json += `],"timestamp":"${event.timestamp}","receivedAt":"${event.receivedAt}","source":${quoted(event.source)}`;
  if (event.trust !== undefined) json += `,"trust":"${event.trust}"`;
  if (event.originalTimestamp !== undefined) json += `,"originalTimestamp":"${event.originalTimestamp}"`;
  if (event.sentAt !== undefined) json += `,"sentAt":"${event.sentAt}"`;
  if (event.event !== undefined) json += `,"event":${quoted(event.event)}`;
  if (event.name !== undefined) json += `,"name":${quoted(event.name)}`;
  if (event.category !== undefined) json += `,"category":${quoted(event.category)}`;
  if (event.groupId !== undefined) json += `,"groupId":${quoted(event.groupId)}`;
  if (event.previous !== undefined) json += `,"previous":${quoted(event.previous)}`;
  return json;
}
