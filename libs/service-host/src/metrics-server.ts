import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { RapportError } from '@rapport/kernel';
import type { Telemetry } from '@rapport/telemetry';
import { hostUnknown, namesLoopback, ownNamesOf } from './host-header.js';
import { httpStatuses } from './http-server.js';
import type { Tls } from './tls.js';

export interface MetricsOptions {
  readonly telemetry: Telemetry;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** On loopback no token is asked: the Host header has to be one of ours. */
  readonly loopback: boolean;
  /** Throws unless the header has a token that may `operate`. */
  readonly authorize: (authorization: string | undefined, address: string) => void;
  readonly tls: Tls | undefined;
  readonly host: string;
  readonly port: number;
}

/** Prometheus' figures at /metrics, on a port of their own. */
export async function listenForMetrics(options: MetricsOptions): Promise<Server> {
  const { registry } = options.telemetry;
  const ownNames = ownNamesOf(options.environment);
  const check = (request: IncomingMessage): void => {
    const { host, authorization } = request.headers;
    if (!options.loopback) options.authorize(authorization, request.socket.remoteAddress ?? '');
    else if (!namesLoopback(host, ownNames)) throw hostUnknown(host);
    if (request.url?.split('?')[0] !== '/metrics')
      throw new RapportError('ROUTE_NOT_FOUND', 'not_found', 'expected /metrics');
  };
  const own = options.tls?.own;
  const server: Server = own === undefined ? createServer() : createTlsServer({ ...own });
  server.on('request', (request: IncomingMessage, response) => {
    void (async () => {
      check(request);
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    })().catch((thrown: unknown) => {
      const error =
        thrown instanceof RapportError
          ? thrown
          : new RapportError('INTERNAL', 'internal', 'the figures could not be read');
      const { code, message } = error;
      response
        .writeHead(httpStatuses[error.status], { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { code, message } }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return server;
}
