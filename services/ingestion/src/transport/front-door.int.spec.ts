import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { topics } from '@rapport/contracts';
import {
  apiToken,
  basic,
  startIngestion,
  writeKey,
  type RunningIngestion,
} from '../fixtures/running-ingestion.js';

let ingestion: RunningIngestion;
beforeAll(async () => {
  ingestion = await startIngestion({ RAPPORT_INGESTION_BODY_TIMEOUT: '400ms' });
});
afterAll(() => ingestion.stop());

const track = (messageId: string, more: object = {}) => ({
  type: 'track',
  messageId,
  userId: 'u1',
  event: 'Product Viewed',
  ...more,
});
const acceptedIds = async () => (await ingestion.accepted()).map(({ messageId }) => messageId);
const bearer = { authorization: `Bearer ${apiToken}` };

describe('routes', () => {
  it.each([
    ['identify', 'i', { userId: 'u', traits: { plan: 'pro' } }],
    ['track', 't', { userId: 'u', event: 'e' }],
    ['page', 'p', { userId: 'u', name: 'home' }],
    ['screen', 's', { userId: 'u', name: 'home' }],
    ['group', 'g', { userId: 'u', groupId: 'g1' }],
    ['alias', 'a', { userId: 'u', previousId: 'a0' }],
  ])('takes %s, also as /v1/%s', async (type, letter, body) => {
    for (const route of [type, letter]) {
      const messageId = `route-${route}`;
      const answer = await ingestion.post(`/v1/${route}`, { ...body, messageId });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ success: true, results: [{ messageId, accepted: true }] });
      expect(answer.headers.get('content-type')).toContain('application/json');
    }
    const events = (await ingestion.accepted()).filter(({ messageId }) =>
      [`route-${type}`, `route-${letter}`].includes(messageId),
    );
    expect(events.map((event) => event.type)).toEqual([type, type]);
  });

  it('files an event under its origin, with CloudEvents headers', async () => {
    await ingestion.post('/v1/track', track('ce-1', { userId: 'person-7', anonymousId: 'a7' }));
    const record = (await ingestion.acceptedRecords()).find(({ headers }) => headers['ce_id'] === 'ce-1');
    expect(record?.key).toBe('user_id:person-7');
    expect(record?.partition).toBe(
      ingestion.running.host.log.partitionOf(topics.accepted.name, 'user_id:person-7'),
    );
    expect(record?.headers).toMatchObject({
      ce_specversion: '1.0',
      ce_type: 'events.accepted.v1',
      'content-type': 'application/json',
    });
  });

  it('takes a batch long and short, as text/plain, with the key in the body', async () => {
    for (const [index, route] of ['batch', 'b'].entries()) {
      const body = JSON.stringify({
        writeKey: 'def456',
        sentAt: new Date().toISOString(),
        batch: [track(`text-${index}`)],
      });
      const answer = await ingestion.post(`/v1/${route}`, body, { 'content-type': 'text/plain' });
      expect(answer.status).toBe(200);
    }
    const events = (await ingestion.accepted()).filter(({ messageId }) => messageId.startsWith('text-'));
    expect(events.map(({ source }) => source)).toEqual(['mobile', 'mobile']);
  });

  it('takes a gzip body, chunked, as the mobile libraries send it', async () => {
    const bytes = gzipSync(JSON.stringify({ writeKey: 'def456', batch: [track('gzip-1')] }));
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(bytes.subarray(0, 20));
        controller.enqueue(bytes.subarray(20));
        controller.close();
      },
    });
    const response = await fetch(`${ingestion.url}/v1/b`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
      body: stream,
      duplex: 'half',
    });
    expect(response.status).toBe(200);
    expect(await acceptedIds()).toContain('gzip-1');
  });

  it('forgets Segment’s telemetry, and answers browsers of other origins', async () => {
    const telemetry = await ingestion.post('/v1/m', { series: [] }, {});
    expect(telemetry.status).toBe(200);
    const preflight = await fetch(`${ingestion.url}/v1/batch`, {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.example' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization');
    const browser = await ingestion.post('/v1/track', track('cors-1'), {
      authorization: basic,
      origin: 'https://shop.example',
    });
    expect(browser.headers.get('access-control-allow-origin')).toBe('*');
    const event = (await ingestion.accepted()).find(({ messageId }) => messageId === 'cors-1');
    expect(event?.context).toMatchObject({ ip: '127.0.0.1' });
  });

  it('tells analytics.js its settings, and nothing to strangers', async () => {
    const response = await fetch(`${ingestion.url}/v1/projects/${writeKey}/settings`);
    const settings = (await response.json()) as {
      integrations: Record<string, { apiKey: string; apiHost: string }>;
      plan: object;
    };
    expect(settings.integrations['Segment.io']).toMatchObject({
      apiKey: writeKey,
      apiHost: `${new URL(ingestion.url).host}/v1`,
    });
    expect(settings.plan).toBeDefined();
    expect((await fetch(`${ingestion.url}/v1/projects/nobody/settings`)).status).toBe(404);
  });

  it('takes an event as the address of an image, and always answers the image', async () => {
    const event = Buffer.from(
      JSON.stringify({ writeKey, userId: 'u', event: 'Email Opened', messageId: 'pixel-1' }),
    ).toString('base64');
    for (const data of [event, '%7Bbroken', '']) {
      const response = await fetch(`${ingestion.url}/v1/pixel/track?data=${encodeURIComponent(data)}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('image/gif');
    }
    expect(await acceptedIds()).toContain('pixel-1');
  });
});

describe('verdicts', () => {
  it('are given one by one: what is right is accepted, what is wrong is named and kept', async () => {
    const batch = [
      track('mixed-1'),
      { type: 'track', messageId: 'mixed-2', event: 'x' },
      track('mixed-3', { properties: 'red' }),
      'no event',
      track('mixed-5', { properties: { price: 'a lot' } }),
      track('m'.repeat(101)),
      track('mixed-7'),
    ];
    const { status, body } = await ingestion.post('/v1/batch', { batch });
    expect(status).toBe(200);
    expect(body.success).toBe(false);
    expect(body.results?.map(({ accepted, code }) => code ?? accepted)).toEqual([
      true,
      'INGESTION_ID_MISSING',
      'INGESTION_FIELD_TYPE',
      'INGESTION_EVENT_SHAPE',
      'INGESTION_PLAN_VIOLATION',
      'INGESTION_MESSAGE_ID_TOO_LONG',
      true,
    ]);
    expect(body.results?.[4]?.detail).toBe('Product Viewed: properties.price: expected number');
    const rejected = await ingestion.rejected();
    expect(rejected.find(({ messageId }) => messageId === 'mixed-3')).toMatchObject({
      stage: 'ingestion',
      code: 'INGESTION_FIELD_TYPE',
      source: 'web',
      original: JSON.stringify(batch[2]),
    });
    expect(await acceptedIds()).toEqual(expect.arrayContaining(['mixed-1', 'mixed-7']));
  });

  it('make a single wrong event a 400, which no client sends again', async () => {
    const { status, body } = await ingestion.post('/v1/track', { messageId: 'single-1', event: 'x' });
    expect(status).toBe(400);
    expect(body.results?.[0]).toMatchObject({
      messageId: 'single-1',
      accepted: false,
      code: 'INGESTION_ID_MISSING',
    });
  });

  it('name an event that came without an id', async () => {
    const { body } = await ingestion.post('/v1/track', { userId: 'u', event: 'x' });
    expect(body.results?.[0]?.messageId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('correct the client’s clock by the batch’s sentAt', async () => {
    const sentAt = new Date(Date.now() - 3_600_000);
    await ingestion.post('/v1/batch', {
      sentAt: sentAt.toISOString(),
      batch: [track('clock-1', { timestamp: new Date(sentAt.getTime() - 5000).toISOString() })],
    });
    const event = (await ingestion.accepted()).find(({ messageId }) => messageId === 'clock-1');
    expect(Date.parse(event?.receivedAt ?? '') - Date.parse(event?.timestamp ?? '')).toBe(5000);
  });

  it('are empty for an empty batch', async () => {
    expect(await ingestion.post('/v1/batch', { batch: [] })).toMatchObject({
      status: 200,
      body: { success: true, results: [] },
    });
  });
});

describe('refusals', () => {
  it.each<[string, string, unknown, Record<string, string>, number, string]>([
    ['no key', '/v1/track', track('x'), {}, 401, 'INGESTION_WRITE_KEY_MISSING'],
    [
      'an unknown key',
      '/v1/track',
      track('x'),
      { authorization: 'Basic bm9ib2R5Og==' },
      401,
      'INGESTION_WRITE_KEY_UNKNOWN',
    ],
    [
      'an unknown key in the body',
      '/v1/batch',
      { writeKey: 'nobody', batch: [] },
      {},
      401,
      'INGESTION_WRITE_KEY_UNKNOWN',
    ],
    [
      'an unknown key in the header though the body has a good one',
      '/v1/batch',
      { writeKey, batch: [] },
      { authorization: 'Basic bm9ib2R5Og==' },
      401,
      'INGESTION_WRITE_KEY_UNKNOWN',
    ],
    ['malformed JSON', '/v1/track', '{"event": ', { authorization: basic }, 400, 'INGESTION_JSON_MALFORMED'],
    ['malformed JSON without a key', '/v1/track', '{"event": ', {}, 400, 'INGESTION_JSON_MALFORMED'],
    ['an empty body', '/v1/track', '', { authorization: basic }, 400, 'INGESTION_JSON_MALFORMED'],
    ['a list as body', '/v1/batch', '[]', { authorization: basic }, 400, 'INGESTION_BODY_SHAPE'],
    [
      'a batch that is no list',
      '/v1/batch',
      { batch: {} },
      { authorization: basic },
      400,
      'INGESTION_BODY_SHAPE',
    ],
    [
      'an unknown encoding',
      '/v1/track',
      'x',
      { authorization: basic, 'content-encoding': 'br' },
      415,
      'INGESTION_ENCODING',
    ],
    [
      'gzip that is none',
      '/v1/track',
      'x',
      { authorization: basic, 'content-encoding': 'gzip' },
      400,
      'INGESTION_ENCODING',
    ],
    [
      'an import without the token',
      '/v1/import?source=file',
      { batch: [] },
      { authorization: basic },
      401,
      'AUTH_TOKEN_MISSING',
    ],
    [
      'an import without a source',
      '/v1/import',
      { batch: [] },
      { authorization: `Bearer ${apiToken}` },
      400,
      'INGESTION_SOURCE_MISSING',
    ],
  ])('answer %s', async (_, path, body, headers, status, code) => {
    const answer = await ingestion.post(path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.body.error?.code).toBe(code);
    expect(answer.body.error?.message).not.toBe('');
  });

  it('take a batch of 2,500 and refuse one of 2,501 whole', async () => {
    const before = (await ingestion.accepted()).length;
    const batch = Array.from({ length: 2501 }, (_, index) => ({
      type: 'track',
      userId: 'many',
      event: 'x',
      messageId: `many-${index}`,
    }));
    const refused = await ingestion.post('/v1/batch', { batch });
    expect(refused.status).toBe(400);
    expect(refused.body.error).toEqual({
      code: 'INGESTION_BATCH_TOO_MANY',
      message:
        'batch: expected at most 2500 events; got 2501; nothing of it was accepted, send smaller batches',
    });
    expect((await ingestion.accepted()).length).toBe(before);
    expect((await ingestion.rejected()).some(({ code }) => code === 'INGESTION_BATCH_TOO_MANY')).toBe(true);
    expect((await ingestion.post('/v1/batch', { batch: batch.slice(1) })).status).toBe(200);
    expect((await ingestion.accepted()).length).toBe(before + 2500);
  });

  it('refuse an event of 33 KB alone, not its neighbours', async () => {
    const { status, body } = await ingestion.post('/v1/batch', {
      batch: [
        track('size-1'),
        track('size-2', { properties: { note: 'x'.repeat(33_000) } }),
        track('size-3', { unknown: 'x'.repeat(33_000) }),
        track('size-4'),
      ],
    });
    expect(status).toBe(200);
    expect(body.results?.map(({ accepted, code }) => code ?? accepted)).toEqual([
      true,
      'INGESTION_EVENT_TOO_LARGE',
      'INGESTION_EVENT_TOO_LARGE',
      true,
    ]);
    expect(
      (await ingestion.post('/v1/track', track('size-5', { properties: { note: 'x'.repeat(33_000) } })))
        .status,
    ).toBe(400);
    expect(
      (await ingestion.post('/v1/track', track('size-6', { properties: { note: 'x'.repeat(32_600) } })))
        .status,
    ).toBe(200);
  });

  it('measure the event as it came, to the byte', async () => {
    const sized = (bytes: number) => {
      const empty = track('exact', { properties: { note: '' } });
      return { ...empty, properties: { note: 'x'.repeat(bytes - JSON.stringify(empty).length) } };
    };
    const filler = track('filler', { properties: { note: 'x'.repeat(30_000) } });
    const { body } = await ingestion.post('/v1/batch', {
      batch: [filler, sized(32 * 1024), sized(32 * 1024 + 1)],
    });
    expect(body.results?.map(({ accepted }) => accepted)).toEqual([true, true, false]);
  });

  it('refuse small numbers that are written out large', async () => {
    const text = `{"userId":"u","event":"x","properties":{"n":[${Array.from({ length: 6000 }, () => '1e20').join(',')}]}}`;
    expect(text.length).toBeLessThan(32 * 1024);
    const { status, body } = await ingestion.post('/v1/track', text);
    expect(status).toBe(400);
    expect(body.results?.[0]?.code).toBe('INGESTION_EVENT_TOO_LARGE');
  });

  it('refuse U+0000 wherever it is, since a store further on cannot keep it in a name', async () => {
    const { status, body } = await ingestion.post('/v1/batch', {
      batch: [
        track('nul-1', { event: 'A\u0000B' }),
        track('nul-2', { properties: { list: [{ 'x\u0000': 1 }] } }),
        track('nul-3', { context: { page: { title: 'a\u0000' } } }),
        track('nul-4', { event: 'the six characters \\u0000' }),
      ],
    });
    expect(status).toBe(200);
    expect(body.results?.map(({ accepted, code }) => code ?? accepted)).toEqual([
      'INGESTION_TEXT_INVALID',
      'INGESTION_TEXT_INVALID',
      'INGESTION_TEXT_INVALID',
      true,
    ]);
  });

  it('refuse a body beyond 500 KiB, also when it only becomes so', async () => {
    const large = {
      batch: Array.from({ length: 40 }, (_, index) =>
        track(`large-${index}`, { properties: { note: 'x'.repeat(14_000) } }),
      ),
    };
    const refused = await ingestion.post('/v1/batch', large);
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'INGESTION_BODY_TOO_LARGE' } } });
    const bomb = gzipSync(Buffer.alloc(50 << 20, 32));
    expect(bomb.length).toBeLessThan(100_000);
    const exploded = await ingestion.post('/v1/batch', bomb, {
      authorization: basic,
      'content-encoding': 'gzip',
    });
    expect(exploded).toMatchObject({ status: 400, body: { error: { code: 'INGESTION_BODY_TOO_LARGE' } } });
    expect(await acceptedIds()).not.toContain('large-0');
  });

  it('take large events from a file, up to 500 KB', async () => {
    const large = track('import-1', { properties: { products: [{ name: 'x'.repeat(450_000) }] } });
    const answer = await ingestion.post(
      '/v1/import?source=online_retail',
      { batch: [large, track('import-2')] },
      bearer,
    );
    expect(answer).toMatchObject({ status: 200, body: { success: true } });
    const event = (await ingestion.accepted()).find(({ messageId }) => messageId === 'import-1');
    expect(event?.source).toBe('online_retail');
    const tooLarge = await ingestion.post(
      '/v1/import?source=f',
      { batch: [track('import-3', { properties: { note: 'x'.repeat(500_001) } })] },
      bearer,
    );
    expect(tooLarge.body.results?.[0]?.code).toBe('INGESTION_EVENT_TOO_LARGE');
  });

  it('survive nesting that no stack can follow', async () => {
    const deep = `${'['.repeat(15_000)}${']'.repeat(15_000)}`;
    const inProperties = await ingestion.post(
      '/v1/track',
      `{"userId":"u","event":"x","properties":{"a":${deep}}}`,
    );
    expect(inProperties.body.results?.[0]?.code).toBe('INGESTION_EVENT_TOO_DEEP');
    const elsewhere = await ingestion.post(
      '/v1/batch',
      `{"batch":[{"type":"track","userId":"u","event":"x","other":${deep},"more":"${'x'.repeat(4000)}"}]}`,
    );
    expect(elsewhere.status).toBe(400);
    expect((await ingestion.post('/v1/track', track('after-deep'))).status).toBe(200);
  });

  it('drop a client that sends its body too slowly, and take the next one', async () => {
    const { port } = new URL(ingestion.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.write(
        `POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: ${basic}\r\ncontent-length: 100\r\n\r\n{"event":`,
      );
    });
    expect(answer).toContain('408');
    expect(answer).toContain('INGESTION_BODY_TIMEOUT');
    expect((await ingestion.post('/v1/track', track('after-slow'))).status).toBe(200);
  });
});
