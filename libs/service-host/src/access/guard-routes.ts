import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { RapportError } from '@rapport/kernel';
import { clientAddress } from '../client-address.js';
import { accessProblem, actions, type Access, type Action } from './actions.js';
import type { AuditedCall, AuditLog, Ending } from './audit-log.js';
import { subjectOf } from './audit-subject.js';
import type { Asked, Caller, Gate } from './gate.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token must hold for this route. Every route has this or `open`; without either the start is refused. */
    action?: Action;
    /** Why this route asks for no token. */
    open?: string;
  }
  interface FastifyRequest {
    /** Who asks; set on routes that ask for an action. */
    caller?: Caller;
  }
}

/** A route as it was declared. */
export interface GuardedRoute {
  /** `GET /v1/people/:person`. */
  readonly door: string;
  readonly access: Access;
}

export interface RouteGuard {
  readonly gate: Gate;
  /** Absent: nothing is audited. */
  readonly audit?: Pick<AuditLog, 'begin' | 'note'>;
}

/** Who asks over HTTP, for methods that gRPC calls with its context. */
export const askedBy = ({ caller }: FastifyRequest): Asked => (caller === undefined ? {} : { caller });

const endings = new WeakMap<FastifyRequest, (ending: Ending) => void>();

/**
 * Makes every route that is added from now on judge its caller by the action in its `config`, before its body is read;
 * a route that declares none stops the start. Answers the routes, in a list that grows with them.
 */
export function guardRoutes(http: FastifyInstance, { gate, audit }: RouteGuard): readonly GuardedRoute[] {
  const guarded: GuardedRoute[] = [];
  http.decorateRequest('caller', undefined);
  http.addHook('onRoute', (route) => {
    const doors = [route.method].flat().map((method) => `${method} ${route.url}`);
    const access = accessOf(route);
    guarded.push(...doors.map((door) => ({ door, access })));
    if (typeof access !== 'string') return;
    const door = doors.join(', ');
    const { audited } = actions[access];
    before(route, 'onRequest', (request, _reply, done) => {
      const approach = {
        authorization: request.headers.authorization,
        address: clientAddress(request),
        door,
      };
      try {
        request.caller = gate.recognise(approach);
        gate.judge(request.caller, access, approach);
        done();
      } catch (thrown) {
        done(thrown as Error);
      }
    });
    if (audit === undefined || audited === 'no') return;
    const callOf = (request: FastifyRequest, token: string): AuditedCall => ({
      token,
      action: access,
      door,
      subject: subjectOf(request.query, request.params, request.body),
      address: clientAddress(request),
    });
    if (audited === 'change') {
      before(route, 'preHandler', (request, _reply, done) => {
        const { caller } = request;
        if (caller === undefined || caller.internal) return done();
        audit.begin(callOf(request, caller.name)).then((end) => {
          endings.set(request, end);
          done();
        }, done);
      });
    }
    before(route, 'onResponse', (request, reply, done) => {
      const { caller } = request;
      const end = endings.get(request);
      if (end !== undefined) end(endingOf(reply));
      else if (caller !== undefined && !caller.internal)
        audit.note(callOf(request, caller.name), endingOf(reply));
      done();
    });
  });
  return guarded;
}

function accessOf({ method, url, config }: RouteOptions): Access {
  const action = config?.action;
  const access = action ?? { open: config?.open };
  const problem =
    action !== undefined && config?.open !== undefined
      ? 'it declares an action and says that it is open'
      : accessProblem(access);
  if (problem === undefined) return access as Access;
  throw new RapportError(
    'ROUTE_ACCESS_UNDECLARED',
    'internal',
    `${[method].flat().join(', ')} ${url}: ${problem}. Give the route config: { action: '…' } with an action of libs/service-host/src/access/actions.ts, or config: { open: 'why' }`,
  );
}

function endingOf({ statusCode }: FastifyReply): Ending {
  const outcome = statusCode < 400 ? 'done' : statusCode === 401 || statusCode === 403 ? 'refused' : 'failed';
  return { outcome, status: String(statusCode) };
}

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

/** Puts a hook before those that the route brings. */
function before(route: RouteOptions, name: 'onRequest' | 'preHandler' | 'onResponse', hook: Hook): void {
  const own = route[name] as Hook | Hook[] | undefined;
  Object.assign(route, { [name]: [hook, ...(own === undefined ? [] : [own].flat())] });
}
