import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Analytics } from '@segment/analytics-node';
import { startPlatform, type TestPlatform } from '@rapport/testing';

/** What a person looks like from outside, as far as these stories ask. */
interface Person {
  readonly profileId: string;
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly traits: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Timeline {
  readonly events: readonly { readonly type: string; readonly event?: string; readonly messageId: string }[];
}
interface Refusal {
  readonly error?: { readonly code: string; readonly message: string };
  readonly results?: readonly {
    readonly accepted: boolean;
    readonly code?: string;
    readonly detail?: string;
  }[];
}

const basicOf = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

async function post(
  platform: TestPlatform,
  path: string,
  body: string,
  key = platform.writeKey,
): Promise<{ status: number; headers: Headers; body: Refusal }> {
  const response = await fetch(platform.httpUrl + path, {
    method: 'POST',
    headers: { authorization: basicOf(key), 'content-type': 'application/json' },
    body,
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Refusal };
}

/** The timeline of a person once it has so many events; what was accepted takes a moment to get there. */
async function timelineOf(
  platform: TestPlatform,
  person: string,
  count: number,
): Promise<Timeline['events']> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const { status, body } = await platform.get<Timeline>(
      `/v1/people/${encodeURIComponent(person)}/timeline?limit=100`,
    );
    if (status === 200 && body.events.length >= count) return body.events;
    if (performance.now() > deadline)
      throw new Error(`expected ${count} events of ${person}; got ${status} ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('bad input at the front door', () => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());

  const event = (messageId: string, more: object = {}) => ({
    type: 'track',
    messageId,
    userId: 'ada',
    event: 'Product Viewed',
    ...more,
  });

  it('gets a clear answer each time', async () => {
    const many = { batch: Array.from({ length: 2501 }, (_, index) => event(`many-${index}`)) };
    const cases: readonly [
      what: string,
      answer: ReturnType<typeof post>,
      status: number,
      code: string,
      says: RegExp,
    ][] = [
      [
        'malformed JSON',
        post(platform, '/v1/track', '{"event": "x",'),
        400,
        'INGESTION_JSON_MALFORMED',
        /expected a JSON object/,
      ],
      [
        'an unknown write key',
        post(platform, '/v1/track', JSON.stringify(event('k')), 'nobody'),
        401,
        'INGESTION_WRITE_KEY_UNKNOWN',
        /RAPPORT_WRITE_KEYS/,
      ],
      [
        'a batch of 2,501',
        post(platform, '/v1/batch', JSON.stringify(many)),
        400,
        'INGESTION_BATCH_TOO_MANY',
        /at most 2500 events; got 2501/,
      ],
      [
        'a batch that is none',
        post(platform, '/v1/batch', '{"batch": "x"}'),
        400,
        'INGESTION_BODY_SHAPE',
        /expected an array of events; got a string/,
      ],
    ];
    for (const [what, answer, status, code, says] of cases) {
      const { status: given, body } = await answer;
      expect([what, given, body.error?.code]).toEqual([what, status, code]);
      expect(body.error?.message).toMatch(says);
    }
  });

  it('gets a verdict where it is an event, and takes nothing else with it', async () => {
    const batch = [
      event('good-1'),
      event('wrong-type', { properties: 'red' }),
      event('too-large', { properties: { note: 'x'.repeat(33 * 1024) } }),
      { type: 'track', messageId: 'nobody', event: 'Product Viewed' },
      event('not-as-planned', { properties: { price: 'a lot' } }),
      event('nobody-either', { userId: 'undefined' }),
      {
        type: 'identify',
        messageId: 'good-2',
        userId: 'ada',
        traits: { email: 'ADA@example.com', plan: 'pro' },
      },
    ];
    const { status, body } = await platform.send(batch);
    expect(status).toBe(200);
    expect(
      body.results.map(({ accepted, code, detail }) =>
        accepted ? 'accepted' : `${code ?? ''}: ${detail ?? ''}`,
      ),
    ).toEqual([
      'accepted',
      'INGESTION_FIELD_TYPE: properties: expected an object; got a string',
      expect.stringMatching(
        /^INGESTION_EVENT_TOO_LARGE: expected at most 32768 bytes of JSON per event; got 33\d{3}$/,
      ),
      expect.stringMatching(/^INGESTION_ID_MISSING: expected userId or anonymousId/),
      'INGESTION_PLAN_VIOLATION: Product Viewed: properties.price: expected number',
      expect.stringMatching(/^INGESTION_ID_BLOCKED: /),
      'accepted',
    ]);
    const events = await timelineOf(platform, 'user_id:ada', 2);
    expect(events.map(({ messageId }) => messageId).sort()).toEqual(['good-1', 'good-2']);
    const { body: person } = await platform.get<Person>('/v1/people/email:ada@example.com');
    expect(person.traits).toMatchObject({ plan: { value: 'pro' } });
  });

  it('counts a retry once', async () => {
    const retried = { ...event('retried'), userId: 'grace' };
    for (let turn = 0; turn < 3; turn++) await platform.send([retried]);
    await platform.send([{ ...retried, messageId: 'behind' }]);
    const events = await timelineOf(platform, 'user_id:grace', 2);
    expect(events.map(({ messageId }) => messageId).sort()).toEqual(['behind', 'retried']);
  });
});

describe('Segment’s own library for Node, unmodified', () => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await startPlatform({ environment: { RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS: '1' } });
  });
  afterAll(() => platform.stop());

  it('delivers every call to one person', async () => {
    const analytics = new Analytics({ writeKey: platform.writeKey, host: platform.httpUrl, flushAt: 4 });
    const errors: unknown[] = [];
    analytics.on('error', (error) => errors.push(error));
    analytics.track({
      anonymousId: 'device-1',
      event: 'Product Viewed',
      properties: { product_id: 'p1', price: 12.5 },
    });
    analytics.page({ anonymousId: 'device-1', name: 'Home', properties: { path: '/' } });
    analytics.identify({
      userId: 'lin',
      anonymousId: 'device-1',
      traits: { email: 'Lin@example.com', plan: 'basic' },
    });
    analytics.group({
      userId: 'lin',
      groupId: 'acme',
      traits: { name: 'Acme', email: 'office@acme.example' },
    });
    analytics.screen({ userId: 'lin', name: 'Cart' });
    analytics.track({
      userId: 'lin',
      event: 'Order Completed',
      properties: {
        order_id: 'o1',
        total: 40,
        currency: 'EUR',
        products: [{ product_id: 'p1', price: 12.5, quantity: 2 }],
      },
    });
    analytics.alias({ userId: 'lin', previousId: 'device-0' });
    analytics.track({
      anonymousId: 'device-0',
      event: 'Product Added',
      timestamp: new Date(Date.now() - 86_400_000),
    });
    await analytics.closeAndFlush({ timeout: 20_000 });
    expect(errors).toEqual([]);

    const events = await timelineOf(platform, 'user_id:lin', 8);
    expect(events.map(({ type, event }) => event ?? type).sort()).toEqual([
      'Order Completed',
      'Product Added',
      'Product Viewed',
      'alias',
      'group',
      'identify',
      'page',
      'screen',
    ]);
    const { body: person } = await platform.get<Person>('/v1/people/user_id:lin');
    expect(person.identifiers.map(({ type, value }) => `${type}:${value}`).sort()).toEqual([
      'anonymous_id:device-0',
      'anonymous_id:device-1',
      'email:lin@example.com',
      'user_id:lin',
    ]);
    expect(person.traits).toMatchObject({ plan: { value: 'basic' } });
  });

  it('waits as long as it is told while the door is full, and loses nothing', async () => {
    const analytics = new Analytics({ writeKey: platform.writeKey, host: platform.httpUrl, flushAt: 1 });
    const answers: { status: number; retryAfter: string | undefined }[] = [];
    analytics.on('http_response', ({ status, headers }) => {
      const named = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after');
      answers.push({ status, retryAfter: typeof named?.[1] === 'string' ? named[1] : undefined });
    });
    const errors: unknown[] = [];
    analytics.on('error', (error) => errors.push(error));
    // Somebody keeps the only place and does not hurry.
    const holder = await holdDoor(platform);
    analytics.track({ userId: 'patient', event: 'Product Viewed' });
    for (let waited = 0; answers.length === 0 && waited < 100; waited++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers[0]).toEqual({ status: 429, retryAfter: expect.stringMatching(/^\d+$/) });
    holder.destroy();
    await analytics.closeAndFlush({ timeout: 20_000 });
    expect(answers.at(-1)?.status).toBe(200);
    expect(errors).toEqual([]);
    expect(await timelineOf(platform, 'user_id:patient', 1)).toHaveLength(1);
  });
});

/** Begins a request and keeps its body back. */
async function holdDoor(platform: TestPlatform): Promise<Socket> {
  const socket = connect(Number(new URL(platform.httpUrl).port), '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(
    `POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: ${basicOf(platform.writeKey)}\r\ncontent-length: 1000\r\n\r\n{"batch":`,
  );
  await new Promise((resolve) => setTimeout(resolve, 150));
  return socket;
}
