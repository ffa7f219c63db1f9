import type { FastifyInstance } from 'fastify';
import { requestInvalid } from '../orchestrator.errors.js';
import type { LookUpMessages, MessageQuery } from '../steps/look-up-messages.js';
import { standingOf } from './messages.grpc.js';

export interface MessagesRoutes {
  readonly messages: LookUpMessages;
}

const names = ['person', 'state', 'tactic', 'channel', 'from', 'to', 'cursor'] as const;

/** The same fields in a query and in a body; unknown ones are refused, since a replay without its filter is a bigger one. */
function readQuery(given: unknown): MessageQuery {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw requestInvalid(`expected a JSON object with ${names.join(', ')} or limit; got ${typeof given}`);
  const query: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(given)) {
    if (name === 'limit') query[name] = Number(value);
    else if (!(names as readonly string[]).includes(name))
      throw requestInvalid(`expected ${names.join(', ')} or limit; got ${JSON.stringify(name.slice(0, 40))}`);
    else if (typeof value !== 'string') throw requestInvalid(`${name}: expected text; got ${typeof value}`);
    else query[name] = value;
  }
  return query;
}

/**
 * GET /v1/messages: messages of every channel, on their way and how they ended, the newest first.
 * POST /v1/messages/replay: has those that failed or were cancelled sent anew.
 */
export function mountMessages(http: FastifyInstance, { messages }: MessagesRoutes): void {
  http.get('/v1/messages', { config: { action: 'messages.read' } }, async (request) => {
    const { found, nextCursor = null } = await messages.list(readQuery(request.query));
    return { messages: found.map(standingOf), nextCursor };
  });

  http.post('/v1/messages/replay', { config: { action: 'messages.replay' } }, async (request) => {
    const { messageIds, nextCursor = null } = await messages.replay(readQuery(request.body ?? {}));
    return { messageIds, nextCursor };
  });
}
