import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { RapportError } from '@rapport/kernel';
import { createTelemetry } from '@rapport/telemetry';
import { listenForMetrics } from './metrics-server.js';

const telemetry = createTelemetry({ service: 'test', level: 'silent' });
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

async function listen(loopback: boolean): Promise<string> {
  const server = await listenForMetrics({
    telemetry,
    environment: {},
    loopback,
    authorize: (authorization) => {
      if (authorization !== 'Bearer good')
        throw new RapportError('AUTH_TOKEN_MISSING', 'unauthenticated', 'expected a token');
    },
    tls: undefined,
    host: '127.0.0.1',
    port: 0,
  });
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('metrics', () => {
  it('ask for a token beyond loopback, and for none on it', async () => {
    const url = await listen(false);
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const response = await fetch(`${url}/metrics`, { headers });
      expect([response.status, await response.json()]).toEqual([
        401,
        { error: { code: 'AUTH_TOKEN_MISSING', message: 'expected a token' } },
      ]);
    }
    expect((await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer good' } })).status).toBe(200);
    expect((await fetch(`${await listen(true)}/metrics`)).status).toBe(200);
  });

  it('are at /metrics only', async () => {
    const response = await fetch(`${await listen(true)}/other`);
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { error: { code: 'ROUTE_NOT_FOUND' } },
    ]);
  });
});
