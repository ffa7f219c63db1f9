import type { FastifyInstance } from 'fastify';
import { RapportError } from '@rapport/kernel';
import { identityCodes } from '../identity.errors.js';
import type { IdentityGrpc } from './identity.grpc.js';

export interface IdentityRoutesOptions {
  readonly identity: IdentityGrpc;
  readonly hasToken: (authorization: string | undefined) => boolean;
}

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
export function identityRoutes({
  identity,
  hasToken,
}: IdentityRoutesOptions): (http: FastifyInstance) => void {
  return (http) => {
    http.addHook('onRequest', async (request) => {
      if (hasToken(request.headers.authorization)) return;
      throw new RapportError(
        identityCodes.unauthenticated,
        'unauthenticated',
        'expected the header Authorization: Bearer <RAPPORT_API_TOKEN>',
      );
    });
    http.get<{ Querystring: { limit?: number } }>(
      '/v1/identity/refusals',
      {
        schema: {
          tags: ['identity'],
          summary: 'Links that merge protection refuses, newest first',
          querystring: {
            type: 'object',
            properties: { limit: { type: 'integer', minimum: 1, maximum: 1000 } },
          },
        },
      },
      ({ query }) => identity.listRefusals({ limit: query.limit ?? 0 }),
    );
    http.get<{ Params: { person: string } }>(
      '/v1/identity/:person',
      { schema: { tags: ['identity'], summary: 'The graph around a person (type:value) and its history' } },
      async ({ params }) => {
        const person = await identity.getPerson({ person: params.person });
        return { ...person, edges: person.edges.map((edge) => ({ ...edge, count: Number(edge.count) })) };
      },
    );
    http.post<{ Body: PairBody }>(
      '/v1/identity/link',
      { schema: { tags: ['identity'], summary: 'Says that two identifiers are one person', body: pairBody } },
      ({ body }) => identity.link({ from: body.from, to: body.to, reason: body.reason ?? '' }),
    );
    http.post<{ Body: PairBody }>(
      '/v1/identity/unlink',
      {
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
      { schema: { tags: ['identity'], summary: 'Takes an identifier out of its person', body: personBody } },
      ({ body }) => identity.split({ person: body.person, reason: body.reason ?? '' }),
    );
    http.post<{ Body: PersonBody }>(
      '/v1/identity/forget',
      { schema: { tags: ['identity'], summary: 'Forgets a person in the graph', body: personBody } },
      ({ body }) => identity.forget({ person: body.person }),
    );
  };
}
