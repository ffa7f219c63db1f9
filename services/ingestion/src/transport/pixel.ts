import type { ServerResponse } from 'node:http';
import { eventTypes, type JsonObject } from '@rapport/contracts';
import type { Submission } from '../accept-events.pipeline.js';
import { parseJson } from '../domain/parse-json.js';
import type { FrontDoor } from './front-door.js';
import { saidBy, type Caller } from './visit.js';

/** One transparent point. */
const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

function answerGif(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(200, {
    'content-type': 'image/gif',
    'content-length': gif.length,
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
  });
  response.end(gif);
}

function decode(text: string): JsonObject | undefined {
  try {
    const json = text.trimStart().startsWith('{') ? text : Buffer.from(text, 'base64').toString('utf8');
    const parsed = parseJson(json);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * An event as the address of an image, for mails and pages without script. The answer is the image whatever came:
 * nobody reads it. What is wrong with an event whose write key is known stands in the rejected topic.
 */
export function acceptPixel(
  door: FrontDoor,
  limits: { readonly maxEventBytes: number },
  typeName: string,
  data: string | undefined,
  { response, address }: Omit<Caller, 'key'>,
): void {
  const type = eventTypes.find((known) => known === typeName);
  const event = data === undefined ? undefined : decode(data);
  const writeKey = event?.['writeKey'];
  const key = typeof writeKey === 'string' ? door.keys.find(writeKey) : undefined;
  const isWelcome =
    type !== undefined && key !== undefined && !door.isBehind() && door.take(key, address, 1) === undefined;
  const stay = isWelcome ? door.admit(key, address) : undefined;
  if (event === undefined || key === undefined || stay?.grow(data?.length ?? 0) !== true) {
    stay?.leave();
    answerGif(response);
    return;
  }
  const receivedAtMs = door.clock.now();
  const leave = (): void => {
    stay.leave();
    answerGif(response);
  };
  const submission: Submission = {
    events: [event],
    arrival: {
      ...saidBy(key),
      receivedAtMs,
      receivedAt: door.instantText(receivedAtMs),
      sentAt: event['sentAt'],
      type,
      context: undefined,
      clientIp: undefined,
    },
    maxEventBytes: limits.maxEventBytes,
    totalBytes: data?.length ?? 0,
    answer: leave,
    failed: leave,
  };
  door.accept.submit(submission);
}
