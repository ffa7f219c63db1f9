import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { event } from '../inputs/events.js';
import { anyJson, manyOf, writeJson, type Json } from '../inputs/json.js';
import { anyText } from '../inputs/texts.js';
import type { Door, Fault, Target } from './door.js';
import { call, isFault, parsed, serverFault, type Answer } from './http-client.js';

/** One request to the front door. */
export interface EventsRequest {
  readonly form: 'batch' | 'single' | 'letter' | 'pixel' | 'import';
  readonly events: readonly {
    readonly event: Readonly<Record<string, Json>>;
    /** Gets a messageId of its own, by which it is looked for in the end. */
    readonly own: boolean;
  }[];
  /** Beside the events of a batch. */
  readonly envelope: Readonly<Record<string, Json>>;
  readonly gzip: boolean;
  readonly origin: boolean;
  readonly keyInBody: boolean;
  /** Sends with the key of a page, which may say less and less often. */
  readonly isPage: boolean;
}

const types = ['track', 'identify', 'page', 'screen', 'group', 'alias'] as const;

const owned = fc.record({
  event,
  own: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, fc.constant(false)),
});

const eventsRequest: fc.Arbitrary<EventsRequest> = fc.record({
  form: fc.constantFrom('batch', 'batch', 'batch', 'batch', 'single', 'single', 'letter', 'pixel', 'import'),
  events: fc.oneof(
    { weight: 60, arbitrary: fc.array(owned, { minLength: 1, maxLength: 8 }) },
    { weight: 1, arbitrary: fc.constant([]) },
    // Many of the same: repeats, and the limit of a batch.
    {
      weight: 1,
      arbitrary: fc
        .tuple(owned, fc.constantFrom(2, 100, 2_499, 2_500, 2_501))
        .map(([one, count]) => manyOf(one, count)),
    },
  ),
  envelope: fc.record(
    { context: anyJson, sentAt: anyJson, integrations: anyJson, writeKey: anyText },
    { requiredKeys: [] },
  ),
  gzip: fc.boolean(),
  origin: fc.boolean(),
  keyInBody: fc.boolean(),
  isPage: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
});

/** The front door of websites: every route, events of every shape. */
export const httpDoor: Door<EventsRequest> = {
  name: 'http',
  lanes: 6,
  feedsTheLog: true,
  inputs: eventsRequest,
  show: (input) => {
    const { path, body } = requestOf(input, 'n', 'KEY');
    return `${input.gzip ? 'gzip ' : ''}POST ${path} ${body.length > 1_500 ? `${body.slice(0, 1_500)}… (${body.length})` : body}`;
  },
  async send(input, target, nth) {
    const writeKey = input.isPage ? target.browserKey : target.writeKey;
    const { path, body, method } = requestOf(input, nth, writeKey);
    const place = `${method} ${path.split('?')[0] ?? ''}`;
    const key = input.form === 'import' ? `Bearer ${target.apiToken}` : basicOf(writeKey);
    const answer = await call({
      method,
      url: target.httpUrl + path,
      headers: {
        'content-type': input.origin ? 'text/plain' : 'application/json',
        ...(input.origin ? { origin: 'https://shop.example' } : {}),
        ...(input.keyInBody && input.form !== 'import' ? {} : { authorization: key }),
        ...(input.gzip && method === 'POST' ? { 'content-encoding': 'gzip' } : {}),
      },
      ...(method === 'GET' ? {} : { body: input.gzip ? gzipSync(body) : body }),
    });
    if (isFault(answer)) return answer;
    target.count(`http ${answer.status}`);
    return serverFault(place, answer) ?? (method === 'GET' ? undefined : judge(place, answer, input, target));
  },
};

const basicOf = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

const sentEvents = ({ form, events }: EventsRequest): EventsRequest['events'] =>
  form === 'batch' || form === 'import' ? events : [events[0] ?? { event: {}, own: false }];

function requestOf(
  input: EventsRequest,
  nth: string,
  writeKey: string,
): { method: 'GET' | 'POST'; path: string; body: string } {
  const events = sentEvents(input).map(({ event: given, own }, at) =>
    own ? { ...given, messageId: `z${nth}-${at}` } : given,
  );
  const key = input.keyInBody || input.form === 'pixel' ? { writeKey } : {};
  if (input.form === 'batch' || input.form === 'import') {
    const path = input.form === 'batch' ? '/v1/batch' : '/v1/import?source=files';
    return { method: 'POST', path, body: writeJson({ ...input.envelope, ...key, batch: events }) };
  }
  const one = { ...events[0], ...key } as Readonly<Record<string, Json>>;
  const type = types.find((known) => known === one['type']) ?? 'track';
  if (input.form === 'pixel') {
    const data = Buffer.from(writeJson(one)).toString('base64').slice(0, 12_000);
    return { method: 'GET', path: `/v1/pixel/${type}?data=${encodeURIComponent(data)}`, body: '' };
  }
  return {
    method: 'POST',
    path: `/v1/${input.form === 'letter' ? type.slice(0, 1) : type}`,
    body: writeJson(one),
  };
}

interface Verdicts {
  readonly results?: readonly { messageId?: unknown; accepted?: unknown; code?: unknown }[];
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/** A verdict for each event, in order; or one refusal of the whole request, with its code. */
function judge(place: string, answer: Answer, input: EventsRequest, target: Target): Fault | undefined {
  const events = sentEvents(input);
  const said = (parsed(answer.body) ?? {}) as Verdicts;
  const wrong = (text: string): Fault => ({ kind: 'no verdict', place: `${place} ${answer.status}`, text });
  if (said.results === undefined) {
    if (typeof said.error?.code === 'string' && answer.status >= 400) {
      target.count(`refused ${said.error.code}`);
      return undefined;
    }
    return wrong(`expected results, or an error with a code; got ${answer.body.slice(0, 300)}`);
  }
  if (said.results.length !== events.length)
    return wrong(`expected ${events.length} verdicts; got ${said.results.length}`);
  for (const [at, { messageId, accepted, code }] of said.results.entries()) {
    if (
      typeof messageId !== 'string' ||
      typeof accepted !== 'boolean' ||
      (!accepted && typeof code !== 'string')
    )
      return wrong(`verdict ${at}: ${JSON.stringify(said.results[at])}`);
    target.count(accepted ? 'accepted' : `refused ${String(code)}`);
    if (accepted) target.accepted(messageId, 'context' in input.envelope ? [] : personsOf(events[at]?.event));
  }
  return undefined;
}

/**
 * Under which names an accepted event's person can be asked for; only where no other identifier can have been the one
 * that it was accepted for.
 */
export function personsOf(event: Readonly<Record<string, Json>> | undefined): string[] {
  if (event === undefined || 'context' in event || 'traits' in event) return [];
  return (['userId', 'anonymousId'] as const).flatMap((field) => {
    const value = event[field];
    const type = field === 'userId' ? 'user_id' : 'anonymous_id';
    return typeof value === 'string' && value.trim() !== '' ? [`${type}:${value.trim()}`] : [];
  });
}
