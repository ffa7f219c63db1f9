import type { FastifyInstance } from 'fastify';
import type { AccessGrpc } from './access.grpc.js';
import { askedBy } from './guard-routes.js';

const text = { type: 'string', minLength: 1, maxLength: 600 } as const;
const texts = { type: 'array', maxItems: 50, items: text } as const;
const createBody = {
  type: 'object',
  required: ['name'],
  properties: { name: text, roles: texts, actions: texts, expiresIn: text },
} as const;
const auditQuery = {
  type: 'object',
  properties: {
    since: text,
    until: text,
    token: text,
    action: text,
    subject: text,
    cursor: { type: 'string', maxLength: 20_000 },
    limit: { type: 'integer', minimum: 1, maximum: 1000 },
  },
} as const;

interface CreateBody {
  readonly name: string;
  readonly roles?: string[];
  readonly actions?: string[];
  readonly expiresIn?: string;
}

type AuditQuery = Readonly<
  Partial<Record<'since' | 'until' | 'token' | 'action' | 'subject' | 'cursor', string>>
> & { readonly limit?: number };

/** Tokens, the audit log and the table of who may do what over HTTP: the same answers as gRPC, as JSON. */
export function mountAccess(http: FastifyInstance, access: AccessGrpc): void {
  const tags = ['access'];
  http.get(
    '/v1/access',
    {
      config: { action: 'operate' },
      schema: { tags, summary: 'Every route and RPC with the action it asks for, and what each role may do' },
    },
    () => access.describeAccess(),
  );
  http.get(
    '/v1/tokens',
    { config: { action: 'tokens.read' }, schema: { tags, summary: 'Tokens, without their secrets' } },
    () => access.listTokens(),
  );
  http.post<{ Body: CreateBody }>(
    '/v1/tokens',
    {
      config: { action: 'tokens.manage' },
      schema: {
        tags,
        summary: 'Makes a token; its secret is answered here and nowhere else',
        body: createBody,
      },
    },
    async (request, reply) => {
      const { name, roles = [], actions = [], expiresIn = '' } = request.body;
      const made = await access.createToken({ name, roles, actions, expiresIn }, askedBy(request));
      return await reply.code(201).header('cache-control', 'no-store').send(made);
    },
  );
  http.delete<{ Params: { token: string } }>(
    '/v1/tokens/:token',
    {
      config: { action: 'tokens.manage' },
      schema: { tags, summary: 'Revokes a token by its id or its name' },
    },
    ({ params }) => access.revokeToken({ token: params.token }),
  );
  http.get<{ Querystring: AuditQuery }>(
    '/v1/audit',
    {
      config: { action: 'audit.read' },
      schema: { tags, summary: 'Who did what, newest first', querystring: auditQuery },
    },
    async ({ query }) => {
      const { since = '', until = '', token = '', action = '', subject = '', cursor = '', limit = 0 } = query;
      const page = await access.listAudit({ since, until, token, action, subject, cursor, limit });
      return { entries: page.entries, nextCursor: page.nextCursor === '' ? null : page.nextCursor };
    },
  );
}
