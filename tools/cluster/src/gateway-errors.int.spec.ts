import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { createGateway } from './gateway.js';

let gateway: FastifyInstance;
let url: string;
let upstream: Server;
let upstreamUrl: string;
beforeAll(async () => {
  // A service that hangs up in the middle of a request.
  upstream = createServer((request) => request.socket.destroy());
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  gateway = await createGateway({
    services: ['ingestion', 'profiles'],
    replicasOf: (service) =>
      service === 'profiles' ? [{ httpUrl: upstreamUrl, grpcAddress: '', metricsUrl: '' }] : [],
  });
  url = await gateway.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
});

describe('an error of the gateway', () => {
  it.each<[string, string, RequestInit, number, string]>([
    ['no such route', '/nothing', {}, 404, 'ROUTE_NOT_FOUND'],
    ['another method', '/healthz', { method: 'DELETE' }, 404, 'ROUTE_NOT_FOUND'],
    ['a URL that does not decode', '/%', {}, 400, 'HTTP_BAD_URL'],
    ['a service that is not ready', '/v1/decide', { method: 'POST' }, 503, 'GATEWAY_NOT_READY'],
    ['tokens where no process is ready', '/v1/tokens', {}, 503, 'GATEWAY_NOT_READY'],
    ['a service that hangs up', '/v1/segments', {}, 500, 'GATEWAY_NO_ANSWER'],
    [
      'a body that is no JSON',
      '/v1/clock',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
      400,
      'HTTP_CTP_INVALID_JSON_BODY',
    ],
  ])('has the one form: %s', async (_, path, init, status, code) => {
    const answer = await fetch(url + path, init);
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([status, code]);
    expect(error.message).not.toBe('');
  });
});
