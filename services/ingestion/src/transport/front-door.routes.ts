import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { eventTypes, type EventType } from '@rapport/contracts';
import { clientAddress } from '@rapport/service-host';
import type { IngestionConfig } from '../ingestion.config.js';
import { answerJson, corsHeaders, errorJson } from './answers.js';
import type { FrontDoor } from './front-door.js';
import { acceptPixel } from './pixel.js';
import { settingsOf } from './settings.js';
import type { Caller, Entrance } from './visit.js';

export interface FrontDoorRoutes {
  readonly door: FrontDoor;
  readonly limits: Pick<IngestionConfig, 'events' | 'imports'>;
}

/** Why these routes ask for no token. */
const open = 'the front door judges write keys';

/** A request as it stands at the door; the answer is written here. */
function arriving(request: FastifyRequest, reply: FastifyReply): Omit<Caller, 'key'> {
  return { request: request.raw, response: reply.raw, address: clientAddress(request) };
}

const missingSource = 'expected ?source=NAME of letters, digits, dots, dashes and underscores, at most 64';

/** A source's name: what an import may call itself. */
const sourceName = /^[\w.-]{1,64}$/;

/**
 * The routes that Segment's libraries call, long and one-letter. Raw handlers: bodies are read here and answers are
 * written here, so that an event costs no more than it must. Bodies are JSON whatever their content type says,
 * because browsers send text/plain to spare a preflight.
 */
export function mountFrontDoor(http: FastifyInstance, { door, limits }: FrontDoorRoutes): void {
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', (_request, _payload, done) => done(null));

  const takes =
    (entrance: Entrance) =>
    (request: FastifyRequest, reply: FastifyReply): void => {
      reply.hijack();
      door.enter(entrance, arriving(request, reply));
    };
  const describe = (summary: string) => ({ config: { open }, schema: { tags: ['ingestion'], summary } });
  const hidden = { config: { open }, schema: { hide: true } };
  for (const type of eventTypes) {
    const handler = takes({ type, ...limits.events });
    http.post(`/v1/${type}`, describe(`Takes one ${type} call of the Segment spec`), handler);
    http.post(`/v1/${letterOf(type)}`, hidden, handler);
  }
  const batch = takes({ type: undefined, ...limits.events });
  http.post('/v1/batch', describe('Takes a batch of Segment calls; a verdict for each'), batch);
  http.post('/v1/b', hidden, batch);
  // Segment's own telemetry: nothing of it concerns us.
  http.post('/v1/m', hidden, (request, reply) => {
    reply.hijack();
    answerJson(reply.raw, 200, '{"success":true}', true, door.discard(request.raw));
  });

  const imports: Entrance = { type: undefined, ...limits.imports };
  http.post<{ Querystring: { source?: string } }>(
    '/v1/import',
    {
      config: { action: 'events.import' },
      schema: { tags: ['ingestion'], summary: 'Takes a batch from a file, with a token; larger events' },
    },
    (request, reply) => {
      reply.hijack();
      const { source } = request.query;
      if (source !== undefined && sourceName.test(source))
        return door.enter(imports, arriving(request, reply), { key: 'import', source, kind: 'server' });
      const body = errorJson('INGESTION_SOURCE_MISSING', missingSource);
      answerJson(reply.raw, 400, body, false, door.discard(request.raw));
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
  http.options(
    '/v1/*',
    { config: { open: 'a preflight carries no credentials' }, schema: { hide: true } },
    (_request, reply) => reply.code(204).headers(corsHeaders).send(),
  );
}

/** analytics.js calls a type by its first letter. */
function letterOf(type: EventType): string {
  return type.slice(0, 1);
}
