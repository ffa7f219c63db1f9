import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { eventTypes, type EventType } from '@rapport/contracts';
import { clientAddress } from '@rapport/service-host';
import type { IngestionConfig } from '../ingestion.config.js';
import { answerJson, corsHeaders, errorJson } from './answers.js';
import type { FrontDoor } from './front-door.js';
import { acceptPixel } from './pixel.js';
import { settingsOf } from './settings.js';
import { leaveUnread } from './request-body.js';
import type { Caller, Entrance } from './visit.js';

export interface FrontDoorRoutes {
  readonly door: FrontDoor;
  readonly limits: Pick<IngestionConfig, 'events' | 'imports'>;
  /** Whether a request carries the API token. */
  readonly hasToken: (authorization: string | undefined) => boolean;
}

/** A request as it stands at the door; the answer is written here. */
function arriving(request: FastifyRequest, reply: FastifyReply): Omit<Caller, 'key'> {
  return { request: request.raw, response: reply.raw, address: clientAddress(request) };
}

const missingSource = [
  400,
  'INGESTION_SOURCE_MISSING',
  'expected ?source=NAME of letters, digits, dots, dashes and underscores, at most 64',
] as const;

/** A source's name: what an import may call itself. */
const sourceName = /^[\w.-]{1,64}$/;

/**
 * The routes that Segment's libraries call, long and one-letter. Raw handlers: bodies are read here and answers are
 * written here, so that an event costs no more than it must. Bodies are JSON whatever their content type says,
 * because browsers send text/plain to spare a preflight.
 */
export function mountFrontDoor(http: FastifyInstance, { door, limits, hasToken }: FrontDoorRoutes): void {
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', (_request, _payload, done) => done(null));

  const takes =
    (entrance: Entrance) =>
    (request: FastifyRequest, reply: FastifyReply): void => {
      reply.hijack();
      door.enter(entrance, arriving(request, reply));
    };
  const describe = (summary: string) => ({ schema: { tags: ['ingestion'], summary } });
  for (const type of eventTypes) {
    const handler = takes({ type, ...limits.events });
    http.post(`/v1/${type}`, describe(`Takes one ${type} call of the Segment spec`), handler);
    http.post(`/v1/${letterOf(type)}`, { schema: { hide: true } }, handler);
  }
  const batch = takes({ type: undefined, ...limits.events });
  http.post('/v1/batch', describe('Takes a batch of Segment calls; a verdict for each'), batch);
  http.post('/v1/b', { schema: { hide: true } }, batch);
  // Segment's own telemetry: nothing of it concerns us.
  http.post('/v1/m', { schema: { hide: true } }, (request, reply) => {
    reply.hijack();
    request.raw.resume();
    answerJson(reply.raw, 200, '{"success":true}', true);
  });

  const imports: Entrance = { type: undefined, ...limits.imports };
  http.post<{ Querystring: { source?: string } }>(
    '/v1/import',
    describe('Takes a batch from a file, with the API token; larger events'),
    (request, reply) => {
      reply.hijack();
      const { source } = request.query;
      const wrong = !hasToken(request.headers.authorization)
        ? ([401, 'INGESTION_TOKEN_MISSING', 'expected Authorization: Bearer <RAPPORT_API_TOKEN>'] as const)
        : source === undefined || !sourceName.test(source)
          ? missingSource
          : undefined;
      if (wrong === undefined && source !== undefined)
        return door.enter(imports, arriving(request, reply), { key: 'import', source, kind: 'server' });
      const [status, code, message] = wrong ?? missingSource;
      answerJson(reply.raw, status, errorJson(code, message), false, leaveUnread(request.raw));
    },
  );

  http.get<{ Params: { writeKey: string } }>(
    '/v1/projects/:writeKey/settings',
    describe('What analytics.js reads at its start'),
    (request, reply) => {
      reply.hijack();
      const { writeKey } = request.params;
      if (door.keys.find(writeKey) === undefined) {
        answerJson(
          reply.raw,
          404,
          errorJson('INGESTION_WRITE_KEY_UNKNOWN', 'no source has this write key'),
          true,
        );
      } else answerJson(reply.raw, 200, settingsOf(writeKey, request.host, request.protocol), true);
    },
  );
  http.get<{ Params: { type: string }; Querystring: { data?: string } }>(
    '/v1/pixel/:type',
    describe('Takes one call as an image: data is the event, base64 or JSON'),
    (request, reply) => {
      reply.hijack();
      acceptPixel(door, limits.events, request.params.type, request.query.data, arriving(request, reply));
    },
  );
  http.options('/v1/*', { schema: { hide: true } }, (_request, reply) =>
    reply.code(204).headers(corsHeaders).send(),
  );
}

/** analytics.js calls a type by its first letter. */
function letterOf(type: EventType): string {
  return type.slice(0, 1);
}
