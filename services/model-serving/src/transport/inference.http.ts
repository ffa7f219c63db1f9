import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { messageOf, RapportError, type ErrorStatus } from '@rapport/kernel';
import type { Infer } from '../infer.pipeline.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelShelf } from '../steps/model-shelf.js';
import { describeModel, indexOf, isModelReady, refuseParameters, serverMetadata } from './inference.grpc.js';
import { BodyBudget } from './body-budget.js';
import { encodeInference, readInference, type JsonInferParameters } from './inference-body.js';
import { BodyReader, HeldBytes, maxBodyBytes, maxJsonBytes } from './read-body.js';

/** What bodies under way may hold together, whoever sends them. */
const maxHeldBytes = 512 << 20;

const statusCodes: Readonly<Record<ErrorStatus, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  exhausted: 429,
  unavailable: 503,
  unimplemented: 501,
  internal: 500,
};

/** The size of the JSON part of a body whose rest is binary tensors. */
const jsonLengthHeader = 'inference-header-content-length';

export interface InferenceHttpOptions {
  readonly shelf: ModelShelf;
  readonly infer: Infer;
  readonly isReady: () => boolean;
  readonly onBug: (thrown: unknown) => void;
}

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

/** The Open Inference Protocol v2 over HTTP, with the binary tensor and model repository extensions. */
export function inferenceRoutes(options: InferenceHttpOptions): (http: FastifyInstance) => void {
  const { shelf } = options;
  return (http) => {
    http.removeAllContentTypeParsers();
    const bodies = new BodyReader();
    const budget = new BodyBudget(maxHeldBytes);
    const heldBy = new WeakMap<FastifyRequest, HeldBytes>();
    http.addHook('onRequest', async (request, reply) => {
      const held = new HeldBytes(budget);
      heldBy.set(request, held);
      reply.raw.once('close', () => held.end());
    });
    // Bodies are JSON followed by bytes, so no parser of Fastify's fits; some clients send no content type at all.
    http.addContentTypeParser(
      '*',
      { bodyLimit: maxBodyBytes },
      async (request: FastifyRequest, body: IncomingMessage) => {
        const held = heldBy.get(request) ?? new HeldBytes(budget);
        const jsonBytes = jsonLength(request);
        const maxBytes = jsonBytes === undefined ? maxJsonBytes : maxBodyBytes;
        return await bodies.read(
          body,
          request.headers['content-encoding'] ?? 'identity',
          maxBytes,
          held,
          jsonBytes,
        );
      },
    );
    http.setErrorHandler((thrown: Error & { statusCode?: number }, _request, reply) =>
      tellError(thrown, reply, options.onBug),
    );
    const probe = { config: { open: 'probes of the protocol carry no token' } };
    const read = { config: { action: 'models.read' } } as const;
    const manage = { config: { action: 'models.manage' } } as const;
    http.get('/v2', read, async () => serverMetadata);
    http.get('/v2/health/live', probe, async () => ({ live: true }));
    http.get('/v2/health/ready', probe, async (_request, reply) => tellReady(reply, options.isReady()));
    for (const prefix of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
      http.get<{ Params: ModelParams }>(prefix, read, async ({ params }) =>
        describeModel(shelf, params.model, params.version),
      );
      http.get<{ Params: ModelParams }>(`${prefix}/ready`, read, async ({ params }, reply) => {
        const ready = isModelReady(shelf, params.model, params.version);
        return await reply.code(ready ? 200 : 503).send({ name: params.model, ready });
      });
      http.post<{ Params: ModelParams }>(
        `${prefix}/infer`,
        { config: { action: 'models.infer' } },
        async (request, reply) => await answerInfer(options, request, reply),
      );
    }
    http.post('/v2/repository/index', read, async (request) =>
      indexOf(shelf, jsonBody(request)['ready'] === true),
    );
    http.post<{ Params: ModelParams }>(
      '/v2/repository/models/:model/load',
      manage,
      async (request, reply) => {
        refuseParameters(Object.keys(jsonBody(request)['parameters'] ?? {}));
        await shelf.loadModel(request.params.model);
        return await reply.code(200).send();
      },
    );
    http.post<{ Params: ModelParams }>(
      '/v2/repository/models/:model/unload',
      manage,
      async (request, reply) => {
        await shelf.unload(request.params.model, undefined);
        return await reply.code(200).send();
      },
    );
  };
}

async function tellReady(reply: FastifyReply, ready: boolean): Promise<FastifyReply> {
  return await reply.code(ready ? 200 : 503).send({ ready });
}

/** The protocol's errors are `{ "error": text }`, so they differ from those of the other doors. */
function tellError(
  thrown: Error & { statusCode?: number },
  reply: FastifyReply,
  onBug: (thrown: unknown) => void,
): FastifyReply {
  if (thrown instanceof RapportError) {
    if (thrown.status === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
    if (thrown.status === 'exhausted') reply.header('retry-after', thrown.detail ?? '1');
    return reply.code(statusCodes[thrown.status]).send({ error: `${thrown.code}: ${thrown.message}` });
  }
  const status = thrown.statusCode ?? 500;
  if (status < 500) return reply.code(status).send({ error: messageOf(thrown) });
  onBug(thrown);
  return reply.code(500).send({ error: 'INTERNAL: something broke here; it was logged' });
}

async function answerInfer(
  options: InferenceHttpOptions,
  request: FastifyRequest<{ Params: ModelParams }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { model, version } = request.params;
  const { inference, ask } = readInference(model, version, bodyOf(request), jsonLength(request));
  const result = await options.infer(inference);
  const { body, jsonBytes } = await encodeInference(model, result, ask);
  if (jsonBytes !== undefined) {
    reply
      .header('Inference-Header-Content-Length', String(jsonBytes))
      .header('Content-Length', String(body.reduce((sum, part) => sum + part.byteLength, 0)))
      .type('application/octet-stream');
    return await reply.send(Readable.from(body, { objectMode: false }));
  }
  return await reply.type('application/json').send(body[0]);
}

const bodyOf = (request: FastifyRequest): Buffer =>
  Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);

function jsonLength(request: FastifyRequest): number | undefined {
  const text = request.headers[jsonLengthHeader];
  if (text === undefined) return undefined;
  const length = Number(text);
  if (!Number.isSafeInteger(length) || length < 0 || length > maxJsonBytes) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `expected a number of bytes, at most ${maxJsonBytes}, in Inference-Header-Content-Length, got ${JSON.stringify(text)}`,
    );
  }
  return length;
}

function jsonBody(request: FastifyRequest): JsonInferParameters {
  const text = bodyOf(request).toString('utf8').trim();
  if (text === '') return {};
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonInferParameters;
  } catch {
    // told below, like everything that is not an object
  }
  throw modelsError('MODELS_INPUT_INVALID', 'expected a JSON object or no body');
}
