import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { journeysProto } from '@rapport/contracts';
import { makeTestCertificates, type TestCertificates } from '@rapport/testing';
import { createCalls } from './calls.js';
import { readHostConfig } from './host.config.js';
import { HOST, Rooms } from './room.js';
import { runHost, type RunningHost } from './run-host.js';
import { readTls, type TlsSettings } from './tls.js';

const folder = mkdtempSync(join(tmpdir(), 'rapport-tls-'));
const own = makeTestCertificates(folder, 'own');
const other = makeTestCertificates(folder, 'other');
const settings = ({ ca, cert, key }: TestCertificates): TlsSettings => ({
  RAPPORT_TLS_CERT_FILE: cert,
  RAPPORT_TLS_KEY_FILE: key,
  RAPPORT_TLS_CA_FILE: ca,
});

@Module({
  providers: [
    {
      provide: 'ROOM',
      inject: [HOST, Rooms],
      useFactory: (_host: unknown, rooms: Rooms) =>
        rooms.add({
          name: 'test',
          grpc: [
            {
              contract: journeysProto.JourneysServiceDefinition,
              implementation: { getInstance: () => Promise.resolve({ instance: undefined }) },
              access: {
                listInstances: 'journeys.read',
                getInstance: 'journeys.read',
                cancelInstance: 'journeys.write',
                simulate: 'journeys.read',
              },
            },
          ],
          start: () => Promise.resolve(),
          readiness: () => Promise.resolve(undefined),
          settle: () => Promise.resolve(),
          stop: () => Promise.resolve(),
        }),
    },
  ],
})
class TestModule {}

let running: RunningHost;
beforeAll(async () => {
  running = await runHost({
    service: 'test',
    modules: [TestModule],
    environment: {
      ...settings(own),
      RAPPORT_TLS_CLIENT_AUTH: 'require',
      RAPPORT_DATA_DIR: join(folder, 'data'),
      RAPPORT_PLAYBOOK_DIR: join(process.cwd(), 'playbook'),
      RAPPORT_HTTP_PORT: '0',
      RAPPORT_GRPC_PORT: '0',
      RAPPORT_METRICS_PORT: '0',
      RAPPORT_LOG_LEVEL: 'silent',
    },
  });
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

const statusOf = (url: string, ca?: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const options = ca === undefined ? {} : { ca: readFileSync(ca) };
    get(url, { ...options, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once('error', reject);
  });

const ask = async (given: TlsSettings | undefined): Promise<unknown> => {
  const tls = given === undefined ? undefined : readTls(given);
  const { apiToken } = running.host.credentials;
  const calls = createCalls({ addressOf: () => running.grpcAddress, apiToken, tls, timeoutMs: 2000 });
  try {
    const journeys = calls.to<journeysProto.JourneysService>(journeysProto.JourneysServiceDefinition);
    return await journeys.getInstance({ instanceId: 'x' } as never);
  } finally {
    calls.close();
  }
};

describe('TLS', () => {
  it('is what HTTP and metrics speak, under addresses that say so', async () => {
    expect(running.httpUrl).toMatch(/^https:/);
    expect(running.metricsUrl).toMatch(/^https:/);
    expect(await statusOf(`${running.httpUrl}/healthz`, own.ca)).toBe(200);
    expect(await statusOf(running.metricsUrl, own.ca)).toBe(200);
    for (const url of [`${running.httpUrl}/healthz`, running.metricsUrl]) {
      await expect(statusOf(url, other.ca)).rejects.toThrow(/certificate|verif/i);
      await expect(fetch(url.replace('https:', 'http:'))).rejects.toThrow();
    }
  });

  it('lets services call each other with certificates of one authority, and nobody without one', async () => {
    expect(await ask(settings(own))).toEqual({ instance: undefined });
    const unavailable = { status: 'unavailable' };
    // No TLS, no certificate, one of somebody else's, a server that is not believed.
    await expect(ask(undefined)).rejects.toMatchObject(unavailable);
    await expect(ask({ RAPPORT_TLS_CA_FILE: own.ca })).rejects.toMatchObject(unavailable);
    await expect(ask({ ...settings(other), RAPPORT_TLS_CA_FILE: own.ca })).rejects.toMatchObject(unavailable);
    await expect(ask({ ...settings(own), RAPPORT_TLS_CA_FILE: other.ca })).rejects.toMatchObject(unavailable);
  });

  it('is refused at the start when its files do not fit, with the reason', () => {
    const broken = join(folder, 'broken.pem');
    writeFileSync(broken, 'not PEM');
    for (const [changed, reason] of [
      [{ RAPPORT_TLS_CERT_FILE: join(folder, 'absent.pem') }, 'RAPPORT_TLS_CERT_FILE: expected a PEM file'],
      [{ RAPPORT_TLS_CERT_FILE: broken }, 'RAPPORT_TLS_CERT_FILE: expected a PEM file'],
      [{ RAPPORT_TLS_CA_FILE: broken }, 'RAPPORT_TLS_CA_FILE: expected a PEM file'],
      [{ RAPPORT_TLS_KEY_FILE: other.key }, 'RAPPORT_TLS_KEY_FILE: expected the key of'],
    ] as const)
      expect(() => readTls({ ...settings(own), ...changed })).toThrow(reason);
    expect(() => readHostConfig({ RAPPORT_TLS_KEY_FILE: own.key })).toThrow('expected both or none');
    expect(() => readHostConfig({ RAPPORT_TLS_CLIENT_AUTH: 'require' })).toThrow(
      'RAPPORT_TLS_CLIENT_AUTH=require',
    );
  });
});
