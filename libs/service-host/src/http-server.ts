import type { IncomingMessage } from 'node:http';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Tracing } from '@rapport/telemetry';
import { boundConnections } from './connections.js';
import { messageOf, RapportError, type ErrorStatus } from '@rapport/kernel';
import { answerRawErrors, tellParserError } from './raw-errors.js';
import type { Tls } from './tls.js';

/** The HTTP status of each kind of error. */
export const httpStatuses: Record<ErrorStatus, number> = {
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

export interface HttpServerOptions {
  readonly tracing?: Tracing | undefined;
  /** Whose X-Forwarded-For is believed: addresses, networks, `loopback`, `linklocal`, `uniquelocal`. Default nobody's. */
  readonly trustedProxies?: readonly string[];
  /** Beyond so many, connections over which no good secret came are ended, the oldest first. Default: no bound. */
  readonly maxConnections?: number;
  /** With what it shows who it is; absent: plain HTTP. */
  readonly tls?: Tls | undefined;
}

const connections = {
  headersTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
  // Node refuses a request without Host by itself, with an empty answer.
  requireHostHeader: false,
};

/**
 * Fastify as every room wants it: errors as `{ error: { code, message, detail? } }`, bounded bodies and times, no
 * logging of requests (they carry personal data). `request.ip` is the client's address as `clientAddress` explains it.
 */
export function createHttpServer(
  onBug: (thrown: unknown) => void,
  { tracing, trustedProxies = [], maxConnections, tls }: HttpServerOptions = {},
): FastifyInstance {
  const http = fastify({
    bodyLimit: 1 << 20,
    // A whole request, its body included; looked at as often as connectionsCheckingInterval says.
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    // Browsers and libraries have no certificates: who comes by HTTP shows a key or a token.
    ...(tls?.own === undefined ? { http: connections } : { https: { ...tls.own, ...connections } }),
    routerOptions: { maxParamLength: 512 },
    clientErrorHandler: tellParserError,
    frameworkErrors: (thrown, _request, reply) => void tellError(thrown, reply as FastifyReply, onBug),
  }) as unknown as FastifyInstance;
  if (maxConnections !== undefined) boundConnections(http.server, maxConnections);
  answerRawErrors(http.server);
  http.addHook('onRequest', (request, _reply, done) => {
    if (request.raw.headers.host !== undefined || request.raw.httpVersion === '1.0') return done();
    done(new RapportError('HTTP_HOST_MISSING', 'invalid', 'expected a Host header (RFC 9112, 3.2)'));
  });
  http.setErrorHandler((thrown: Error, _request, reply) => tellError(thrown, reply, onBug));
  http.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error: {
        code: 'ROUTE_NOT_FOUND',
        message: `there is no ${request.method} ${shortened(request.url.split('?')[0] ?? '')}`,
      },
    }),
  );
  if (tracing) traceRequests(http, tracing);
  return http;
}

/** What of a URL is told back. */
const shortened = (url: string): string => (url.length > 200 ? `${url.slice(0, 200)}…` : url);

/** What a client may still send of a request that was refused before its body was read; beyond it the connection ends. */
const maxUnreadBytes = 64 * 1024;

/** Whether a body is still to come that is long, or of which nobody knows how long it is. */
function leavesMuchUnread(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || Number(length ?? 0) > maxUnreadBytes;
}

/** Answers an error in the one form; what is a fault of ours is told to `onBug` and not to the client. */
function tellError(
  thrown: Error & { statusCode?: number; code?: string },
  reply: FastifyReply,
  onBug: (thrown: unknown) => void,
): FastifyReply {
  if (leavesMuchUnread(reply.request.raw)) reply.header('connection', 'close');
  if (thrown instanceof RapportError) {
    if (thrown.status === 'exhausted') reply.header('retry-after', thrown.detail ?? '1');
    // RFC 9110: a 401 names the scheme.
    if (thrown.status === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
    const { code, message, detail } = thrown;
    return reply
      .code(httpStatuses[thrown.status])
      .send({ error: { code, message, ...(detail === undefined ? {} : { detail }) } });
  }
  const status = thrown.statusCode ?? 500;
  if (status >= 500) onBug(thrown);
  const code =
    status >= 500 ? 'INTERNAL' : (thrown.code ?? 'REQUEST_INVALID').replace(/^FST_(ERR_)?/, 'HTTP_');
  return reply.code(status).send({
    error: {
      code,
      message: status >= 500 ? 'something broke here; it was logged' : shortened(messageOf(thrown)),
    },
  });
}

/** A span per request, by the route's pattern so that no id gets into its name. */
function traceRequests(http: FastifyInstance, tracing: Tracing): void {
  const spans = new WeakMap<object, ReturnType<Tracing['startServerSpan']>>();
  http.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const attributes = { 'http.request.method': request.method, 'http.route': route };
    spans.set(request, tracing.startServerSpan(`${request.method} ${route}`, request.headers, attributes));
    done();
  });
  http.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (span) tracing.end(span, reply.statusCode >= 500 ? `status ${reply.statusCode}` : undefined);
    done();
  });
}
