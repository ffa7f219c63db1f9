import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { clientAddress, createHttpServer } from '@rapport/service-host';
import { createGateway } from './gateway.js';

/** A service as far as it tells whom it sees. */
let service: FastifyInstance;
let serviceUrl: string;
beforeAll(async () => {
  service = createHttpServer(() => undefined, { trustedProxies: ['loopback'] });
  service.get('/v1/projects/seen/settings', (request) => ({
    address: clientAddress(request),
    host: request.host,
  }));
  serviceUrl = await service.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => service.close());

async function seenThrough(trustedProxies: readonly string[]): Promise<{ address: string; host: string }> {
  const gateway = await createGateway({
    replicasOf: () => [{ httpUrl: serviceUrl, grpcAddress: '', metricsUrl: '' }],
    services: ['ingestion'],
    trustedProxies,
  });
  try {
    const url = await gateway.listen({ host: '127.0.0.1', port: 0 });
    const answer = await fetch(`${url}/v1/projects/seen/settings`, {
      headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'elsewhere.example' },
    });
    const seen = (await answer.json()) as { address: string; host: string };
    return { address: seen.address, host: seen.host === new URL(url).host ? 'the gateway' : seen.host };
  } finally {
    await gateway.close();
  }
}

describe('the gateway', () => {
  it('tells services whose address it sees itself, not what a client says', async () => {
    expect(await seenThrough([])).toEqual({ address: '127.0.0.1', host: 'the gateway' });
  });

  it('tells them what proxies before it say where it is told to trust those', async () => {
    expect(await seenThrough(['loopback'])).toEqual({ address: '203.0.113.9', host: 'elsewhere.example' });
  });
});
