import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  cloudEventHeaders,
  encodeJson,
  ingestionProto,
  topics,
  type AcceptedEvent,
  type RejectedEvent,
} from '@rapport/contracts';
import { startIngestion, type RunningIngestion } from '../fixtures/running-ingestion.js';

let ingestion: RunningIngestion;
beforeAll(async () => {
  ingestion = await startIngestion({
    RAPPORT_WRITE_KEYS: 'shop:server=server-key,web:browser=browser-key',
    RAPPORT_BROWSER_EXTERNAL_IDS: 'ga_client_id',
    RAPPORT_TRUSTED_PROXIES: 'loopback',
    RAPPORT_INGESTION_MAX_ADDRESS_REQUESTS: '3',
    RAPPORT_INGESTION_MAX_ADDRESS_BYTES: '200000',
    RAPPORT_INGESTION_MAX_KEYLESS_REQUESTS: '6',
  });
});
afterAll(() => ingestion.stop());

const basicOf = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
const byBrowser = { authorization: basicOf('browser-key') };
const byServer = { authorization: basicOf('server-key') };
const accepted = async (messageId: string): Promise<AcceptedEvent | undefined> =>
  (await ingestion.accepted()).find((event) => event.messageId === messageId);

/** Begins a request from an address and keeps its body back. */
async function hold(address: string, ...lines: readonly string[]): Promise<Socket> {
  const socket = connect(Number(new URL(ingestion.url).port), '127.0.0.1').on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(
    ['POST /v1/batch HTTP/1.1', 'host: x', `x-forwarded-for: ${address}`, ...lines, '', ''].join('\r\n'),
  );
  return socket;
}

describe('an event of a browser key', () => {
  const claims = {
    userId: 'u1',
    anonymousId: 'd1',
    traits: { email: 'u1@shop.example' },
    context: {
      externalIds: [
        { id: 'ga-7', type: 'ga_client_id' },
        { id: 'c-9', type: 'crm_id' },
        { id: 'u2', type: 'user_id' },
      ],
    },
  };

  it('names people by userId, anonymousId and configured types; the rest of it stays as it is', async () => {
    const { body } = await ingestion.post('/v1/identify', { ...claims, messageId: 'claims-1' }, byBrowser);
    expect(body).toEqual({
      success: true,
      results: [
        {
          messageId: 'claims-1',
          accepted: true,
          ignored: [
            {
              code: 'INGESTION_BROWSER_IDENTIFIER',
              detail: expect.stringMatching(/^crm_id, user_id, email:/),
            },
          ],
        },
      ],
    });
    expect(await accepted('claims-1')).toMatchObject({
      trust: 'browser',
      source: 'web',
      identifiers: ['user_id:u1', 'anonymous_id:d1', 'ga_client_id:ga-7'],
      traits: claims.traits,
      context: claims.context,
    });
    await ingestion.post('/v1/identify', { ...claims, messageId: 'claims-2' }, byServer);
    const fromServer = await accepted('claims-2');
    expect(fromServer?.identifiers).toHaveLength(6);
    expect(fromServer).not.toHaveProperty('trust');
  });

  it('is known as such through every door, and refused where it names nobody', async () => {
    const inBody = { ...claims, writeKey: 'browser-key', messageId: 'body-1' };
    await ingestion.post('/v1/identify', inBody, {});
    const pixel = Buffer.from(JSON.stringify({ ...inBody, messageId: 'pixel-1' })).toString('base64');
    await fetch(`${ingestion.url}/v1/pixel/identify?data=${encodeURIComponent(pixel)}`);
    // Said by the client, it means nothing.
    await ingestion.post('/v1/identify', { ...claims, trust: undefined, messageId: 'said-1' }, byBrowser);
    await ingestion.post('/v1/identify', { ...claims, trust: 'browser', messageId: 'said-2' }, byServer);
    const trusts = await Promise.all(['body-1', 'pixel-1', 'said-1', 'said-2'].map(accepted));
    expect(trusts.map((event) => event?.trust)).toEqual(['browser', 'browser', 'browser', undefined]);
    const onlyEmail = { traits: claims.traits, messageId: 'nobody-1' };
    const refused = await ingestion.post('/v1/identify', onlyEmail, byBrowser);
    expect(refused.body.results?.[0]).toMatchObject({
      code: 'INGESTION_ID_MISSING',
      detail: expect.stringContaining('browser keys'),
    });
  });

  it('is not taken over gRPC, which knows no address behind a proxy', async () => {
    const calls = ingestion.running.host.calls.to<ingestionProto.IngestionService>(
      ingestionProto.IngestionServiceDefinition,
    );
    const request = ingestionProto.AcceptRequest.fromPartial({ writeKey: 'browser-key', events: [] });
    await expect(calls.accept(request)).rejects.toMatchObject({
      code: 'INGESTION_WRITE_KEY_BROWSER',
      status: 'forbidden',
    });
  });

  it('stays one when it was rejected and is replayed', async () => {
    await ingestion.post('/v1/track', { userId: 'u1', messageId: 'rejected-1' }, byBrowser);
    const rejected = (await ingestion.rejected()).find(({ messageId }) => messageId === 'rejected-1');
    expect(rejected).toMatchObject({ source: 'web', trust: 'browser', code: 'INGESTION_FIELD_MISSING' });
    const rejectedAt = new Date().toISOString();
    const mended: RejectedEvent = {
      ...(rejected as RejectedEvent),
      messageId: 'mended-1',
      rejectedAt,
      original: JSON.stringify({ type: 'identify', ...claims, messageId: 'mended-1' }),
    };
    const [place] = await ingestion.running.host.log.append(topics.rejected.name, [
      {
        key: 'mended-1',
        value: encodeJson(mended),
        headers: cloudEventHeaders(topics.rejected.name, 'mended-1', rejectedAt),
        timestampMs: Date.now(),
      },
    ]);
    const calls = ingestion.running.host.calls.to<ingestionProto.IngestionService>(
      ingestionProto.IngestionServiceDefinition,
    );
    const { results } = await calls.replayRejected({ ids: [`${place?.partition}-${place?.offset}`] });
    expect(results).toMatchObject([{ messageId: 'mended-1', accepted: true }]);
    expect(await accepted('mended-1')).toMatchObject({ trust: 'browser', source: 'web' });
  });

  it('has the address of the client behind the proxy', async () => {
    const event = { userId: 'u1', event: 'x', messageId: 'address-1' };
    const headers = { ...byBrowser, origin: 'https://shop.example', 'x-forwarded-for': '203.0.113.9' };
    await ingestion.post('/v1/track', event, headers);
    expect((await accepted('address-1'))?.context).toEqual({ ip: '203.0.113.9' });
  });
});

describe('the room of one address', () => {
  const event = { userId: 'u1', event: 'x' };
  const ask = async (address: string, headers: Readonly<Record<string, string>>, writeKey?: string) =>
    (await ingestion.post('/v1/track', { ...event, writeKey }, { 'x-forwarded-for': address, ...headers }))
      .status;
  /** Once so many requests that were begun are inside. */
  const inside = async (requests: number): Promise<void> => {
    const inFlight = async (): Promise<number> =>
      Number(
        /^rapport_ingestion_in_flight_bytes (\d+)/m.exec(
          await (await fetch(ingestion.running.metricsUrl)).text(),
        )?.[1],
      );
    for (let tries = 0; (await inFlight()) !== requests * 1024 && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await inFlight()).toBe(requests * 1024);
  };

  it('is bounded without a key, with a room of its own for each address, and one for all', async () => {
    const holders = await Promise.all(
      [1, 2, 3].map(() => hold('198.51.100.1', 'transfer-encoding: chunked')),
    );
    await inside(3);
    expect(await ask('198.51.100.1', {}, 'server-key')).toBe(429);
    expect(await ask('198.51.100.2', {}, 'server-key')).toBe(200);
    holders.push(
      ...(await Promise.all([4, 5, 6].map((last) => hold(`198.51.100.${last}`, 'content-length: 9')))),
    );
    await inside(6);
    expect(await ask('198.51.100.2', {}, 'server-key')).toBe(429);
    expect(await ask('198.51.100.1', byServer)).toBe(200);
    expect(await ask('198.51.100.1', byBrowser)).toBe(200);
    for (const holder of holders) holder.destroy();
    await inside(0);
    expect(await ask('198.51.100.1', {}, 'server-key')).toBe(200);
  });

  it('is bounded with a browser key, for itself', async () => {
    const authorization = `authorization: ${byBrowser.authorization}`;
    const holders = await Promise.all(
      [1, 2, 3].map(() => hold('2001:db8::1', authorization, 'content-length: 9')),
    );
    // The same network counts as one address.
    await inside(3);
    expect(await ask('2001:db8::2', byBrowser)).toBe(429);
    expect(await ask('2001:db8:0:1::2', byBrowser)).toBe(200);
    expect(await ask('2001:db8::1', byServer)).toBe(200);
    for (const holder of holders) holder.destroy();
    await inside(0);
  });

  it('counts what comes out of compression', async () => {
    const note = 'x'.repeat(30_000);
    const text = JSON.stringify({
      batch: Array.from({ length: 8 }, () => ({ ...event, type: 'track', properties: { note } })),
    });
    const holder = await hold(
      '203.0.113.50',
      `authorization: ${byBrowser.authorization}`,
      'content-length: 9',
    );
    const send = (headers: Readonly<Record<string, string>>) =>
      ingestion.post('/v1/batch', gzipSync(text), {
        'content-encoding': 'gzip',
        'x-forwarded-for': '203.0.113.50',
        ...headers,
      });
    expect((await send(byBrowser)).body.error?.code).toBe('INGESTION_OVER_CAPACITY');
    expect((await send(byServer)).status).toBe(200);
    holder.destroy();
  });
});

describe('a key in the header', () => {
  it.each([
    [
      'an unknown write key',
      '/v1/batch',
      'authorization: Basic bm9ib2R5Og==',
      '401',
      'INGESTION_WRITE_KEY_UNKNOWN',
    ],
    ['a wrong token', '/v1/import?source=x', 'authorization: Bearer nobody', '401', 'AUTH_TOKEN_UNKNOWN'],
    ['an unknown encoding', '/v1/batch', 'content-encoding: br', '415', 'INGESTION_ENCODING'],
    ['a length beyond what is taken', '/v1/batch', 'x-more: than 500 KiB', '400', 'INGESTION_BODY_TOO_LARGE'],
  ])('is judged before the body: %s', async (what, path, line, status, code) => {
    for (const length of ['transfer-encoding: chunked', 'content-length: 600000']) {
      if (what.startsWith(length.startsWith('transfer') ? 'a length' : 'an unknown encoding')) continue;
      const socket = connect(Number(new URL(ingestion.url).port), '127.0.0.1').on('error', () => undefined);
      const answer = new Promise<string>((resolve) => {
        let text = '';
        socket.on('data', (chunk: Buffer) => (text += chunk.toString())).once('close', () => resolve(text));
      });
      socket.write([`POST ${path} HTTP/1.1`, 'host: x', line, length, '', ''].join('\r\n'));
      const text = await answer;
      expect(text).toContain(`HTTP/1.1 ${status}`);
      expect(text).toContain(code);
      expect(text.toLowerCase()).toContain('connection: close');
    }
  });
});
