import type { FastifyInstance } from 'fastify';
import { RapportError } from '@rapport/kernel';
import type { IngestionGrpc } from './ingestion.grpc.js';

export interface RejectedRoutes {
  readonly ingestion: Pick<IngestionGrpc, 'listRejected' | 'replayRejected'>;
  readonly hasToken: (authorization: string | undefined) => boolean;
}

const text = { type: 'string', maxLength: 200 } as const;

/** What any room could not take, for people with curl: the same answers as gRPC, as JSON. */
export function mountRejected(http: FastifyInstance, { ingestion, hasToken }: RejectedRoutes): void {
  http.addHook('onRequest', async (request) => {
    if (hasToken(request.headers.authorization)) return;
    throw new RapportError(
      'INGESTION_TOKEN_MISSING',
      'unauthenticated',
      'expected the header Authorization: Bearer <RAPPORT_API_TOKEN>',
    );
  });

  http.get<{ Querystring: { limit?: number; code?: string; stage?: string } }>(
    '/v1/rejected',
    {
      schema: {
        tags: ['ingestion'],
        summary: 'What any room could not take and why, the newest first',
        querystring: {
          type: 'object',
          properties: { limit: { type: 'integer', minimum: 1, maximum: 1000 }, code: text, stage: text },
        },
      },
    },
    ({ query: { limit = 0, code = '', stage = '' } }) =>
      ingestion.listRejected({ limit, code, stage, id: '' }),
  );

  http.get<{ Params: { id: string } }>(
    '/v1/rejected/:id',
    { schema: { tags: ['ingestion'], summary: 'One of them, whole' } },
    async ({ params: { id } }) => {
      const { records } = await ingestion.listRejected({ limit: 0, code: '', stage: '', id });
      const [record] = records;
      if (record !== undefined) return record;
      throw new RapportError(
        'INGESTION_REJECTED_UNKNOWN',
        'not_found',
        `expected an id that GET /v1/rejected gives, partition-offset; there is no ${JSON.stringify(id.slice(0, 80))}, or retention has dropped it`,
      );
    },
  );

  http.post<{ Body: { ids: string[] } }>(
    '/v1/rejected/replay',
    {
      schema: {
        tags: ['ingestion'],
        summary: 'Sends events through the front door again, and puts other records back to their topics',
        body: {
          type: 'object',
          required: ['ids'],
          properties: { ids: { type: 'array', items: text, minItems: 1, maxItems: 1000 } },
        },
      },
    },
    ({ body: { ids } }) => ingestion.replayRejected({ ids }),
  );
}
