import type { FastifyInstance } from 'fastify';
import { askedBy } from '@rapport/service-host';
import type { IdentityGrpc } from './identity.grpc.js';

const text = { type: 'string', minLength: 1, maxLength: 512 } as const;
const pairBody = {
  type: 'object',
  required: ['from', 'to'],
  properties: { from: text, to: text, reason: text },
} as const;
const personBody = {
  type: 'object',
  required: ['person'],
  properties: { person: text, reason: text },
} as const;

interface PairBody {
  readonly from: string;
  readonly to: string;
  readonly reason?: string;
}

interface PersonBody {
  readonly person: string;
  readonly reason?: string;
}

/** The identity graph for people with curl: the same answers as gRPC, as JSON. */
export function identityRoutes(identity: IdentityGrpc): (http: FastifyInstance) => void {
  return (http) => {
    http.get<{ Querystring: { limit?: number } }>(
      '/v1/identity/refusals',
      {
        config: { action: 'people.read' },
        schema: {
          tags: ['identity'],
          summary: 'Links that merge protection refuses, newest first',
          querystring: {
            type: 'object',
            properties: { limit: { type: 'integer', minimum: 1, maximum: 1000 } },
          },
        },
      },
      (request) => identity.listRefusals({ limit: request.query.limit ?? 0 }, askedBy(request)),
    );
    http.get<{ Params: { person: string } }>(
      '/v1/identity/:person',
      {
        config: { action: 'people.read' },
        schema: { tags: ['identity'], summary: 'The graph around a person (type:value) and its history' },
      },
      async (request) => {
        const person = await identity.getPerson({ person: request.params.person }, askedBy(request));
        return { ...person, edges: person.edges.map((edge) => ({ ...edge, count: Number(edge.count) })) };
      },
    );
    http.post<{ Body: PairBody }>(
      '/v1/identity/link',
      {
        config: { action: 'identity.write' },
        schema: { tags: ['identity'], summary: 'Says that two identifiers are one person', body: pairBody },
      },
      ({ body }) => identity.link({ from: body.from, to: body.to, reason: body.reason ?? '' }),
    );
    http.post<{ Body: PairBody }>(
      '/v1/identity/unlink',
      {
        config: { action: 'identity.write' },
        schema: {
          tags: ['identity'],
          summary: 'Takes the evidence between two identifiers back',
          body: pairBody,
        },
      },
      ({ body }) => identity.unlink({ from: body.from, to: body.to, reason: body.reason ?? '' }),
    );
    http.post<{ Body: PersonBody }>(
      '/v1/identity/split',
      {
        config: { action: 'identity.write' },
        schema: { tags: ['identity'], summary: 'Takes an identifier out of its person', body: personBody },
      },
      ({ body }) => identity.split({ person: body.person, reason: body.reason ?? '' }),
    );
    http.post<{ Body: PersonBody }>(
      '/v1/identity/forget',
      {
        config: { action: 'privacy.erase' },
        schema: { tags: ['identity'], summary: 'Forgets a person in the graph', body: personBody },
      },
      (request) => identity.forget({ person: request.body.person }, askedBy(request)),
    );
  };
}
