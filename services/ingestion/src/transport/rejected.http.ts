import type { FastifyInstance } from 'fastify';
import { RapportError } from '@rapport/kernel';
import { askedBy } from '@rapport/service-host';
import type { IngestionGrpc } from './ingestion.grpc.js';

export type RejectedRoutes = Pick<IngestionGrpc, 'listRejected' | 'replayRejected'>;

const text = { type: 'string', maxLength: 200 } as const;

/** What any room could not take, for people with curl: the same answers as gRPC, as JSON. */
export function mountRejected(http: FastifyInstance, ingestion: RejectedRoutes): void {
  http.get<{ Querystring: { limit?: number; code?: string; stage?: string } }>(
    '/v1/rejected',
    {
      config: { action: 'events.rejected.read' },
      schema: {
        tags: ['ingestion'],
        summary: 'What any room could not take and why, the newest first',
        querystring: {
          type: 'object',
          properties: { limit: { type: 'integer', minimum: 1, maximum: 1000 }, code: text, stage: text },
        },
      },
    },
    (request) => {
      const { limit = 0, code = '', stage = '' } = request.query;
      return ingestion.listRejected({ limit, code, stage, id: '' }, askedBy(request));
    },
  );

  http.get<{ Params: { id: string } }>(
    '/v1/rejected/:id',
    {
      config: { action: 'events.rejected.read' },
      schema: { tags: ['ingestion'], summary: 'One of them, whole' },
    },
    async (request) => {
      const { id } = request.params;
      const { records } = await ingestion.listRejected(
        { limit: 0, code: '', stage: '', id },
        askedBy(request),
      );
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
      config: { action: 'events.rejected.replay' },
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
