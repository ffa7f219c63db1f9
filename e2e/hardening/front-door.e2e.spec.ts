import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { basicOf, headOf, hold, waysToHold } from './strangers.js';

interface Person {
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly traits: Readonly<Record<string, { readonly value: unknown }>>;
  readonly consent: Readonly<Record<string, { readonly granted: boolean }>>;
}
interface Answer {
  readonly error?: { readonly code: string };
  readonly results?: readonly {
    readonly accepted: boolean;
    readonly code?: string;
    readonly ignored?: readonly { readonly code: string }[];
  }[];
}

const publicKey = 'public-key';
const startMs = Date.parse('2026-03-02T09:00:00.000Z');
const iso = (ms: number): string => new Date(ms).toISOString();

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform({
    virtualFrom: iso(startMs),
    environment: {
      RAPPORT_WRITE_KEYS: `shop:server=test-write-key,web:browser=${publicKey}`,
      RAPPORT_TRUSTED_PROXIES: 'loopback',
    },
  });
}, 60_000);
afterAll(() => platform.stop());

/** What a page sends, from an address of its own. */
async function fromPage(
  path: string,
  body: object,
  { key = publicKey, address = '203.0.113.1' } = {},
): Promise<{ status: number; headers: Headers; body: Answer }> {
  const response = await fetch(platform.httpUrl + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': address,
      ...(key === '' ? {} : { authorization: basicOf(key) }),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
}

async function personOf(identifier: string): Promise<Person> {
  const { status, body } = await platform.get<Person>(`/v1/people/${encodeURIComponent(identifier)}`);
  expect(status).toBe(200);
  return body;
}

describe('strangers at the front door', () => {
  const strangers: Socket[] = [];
  afterAll(() => strangers.forEach((socket) => socket.destroy()));

  it('shut out nobody who has a key, whatever they hold open', async () => {
    const { port } = new URL(platform.httpUrl);
    const held = Object.values(waysToHold(publicKey)).flatMap((way) => Array.from({ length: 30 }, () => way));
    strangers.push(...(await Promise.all(held.map((way) => hold(Number(port), way)))));
    // Answered only after what the strangers sent was read: it came before, in as many turns of the loop.
    await platform.get('/v1/status');
    const statuses = await Promise.all(
      Array.from({ length: 110 }, async (_, number) => {
        const { status } = await platform.send([
          {
            type: 'track',
            userId: `innocent-${number % 7}`,
            event: 'Product Viewed',
            properties: { note: 'x'.repeat(10_000) },
          },
        ]);
        return status;
      }),
    );
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  it('learn that their key is unknown before they send a body', async () => {
    const { port } = new URL(platform.httpUrl);
    const told = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (!text.includes('INGESTION')) return;
        socket.destroy();
        resolve(text);
      });
      socket.write(headOf('/v1/batch', `authorization: ${basicOf('x')}`, 'content-length: 400000'));
    });
    expect(told).toContain('HTTP/1.1 401');
    expect(told).toContain('INGESTION_WRITE_KEY_UNKNOWN');
  });
});

describe('with the public key a stranger', () => {
  const attackers = 'eve@evil.example';
  const grants = { categoryPreferences: { marketing: true } };
  const external = [{ id: attackers, type: 'email' }];
  type Attack = (victim: string) => readonly object[];
  const attacks: Readonly<Record<string, Attack>> = {
    'identify with traits and context': (userId) => [
      { type: 'identify', userId, traits: { email: attackers, consent: { marketing: true } } },
      { type: 'identify', userId, traits: { email: attackers }, context: { consent: grants } },
    ],
    'track with consent and context traits': (userId) => [
      {
        type: 'track',
        userId,
        event: 'Consent Granted',
        properties: { purpose: 'marketing' },
        context: { traits: { email: attackers }, externalIds: external },
      },
      { type: 'track', userId, event: 'Segment Consent Preference Updated', context: { consent: grants } },
    ],
    'a device that consents and then becomes the account': (userId) => {
      const anonymousId = `device-${userId}`;
      return [
        {
          type: 'identify',
          anonymousId,
          traits: { email: attackers },
          context: { consent: grants, externalIds: external },
        },
        { type: 'track', anonymousId, event: 'Consent Granted', properties: { purpose: 'marketing' } },
        { type: 'alias', userId, previousId: anonymousId },
        { type: 'identify', userId, anonymousId, traits: { email: attackers } },
      ];
    },
    'a device that says the address of the account': (userId) => [
      {
        type: 'identify',
        anonymousId: `other-${userId}`,
        traits: { email: `${userId}@shop.example` },
        context: { consent: grants },
      },
    ],
  };
  const victims = Object.keys(attacks).flatMap((how, attack) =>
    [0, 1, 2, 3].map((number) => ({ how, userId: `victim-${attack}-${number}` })),
  );

  it('puts no address and no consent on an account, however it tries, and gets no mail', async () => {
    // The shop knows their address: of half of them by identify, of the others by an order.
    await platform.send(
      victims.flatMap(({ userId }, index) => {
        const traits = { email: `${userId}@shop.example` };
        return [
          index % 2 === 0
            ? { type: 'identify', userId, traits }
            : { type: 'track', userId, event: 'Signed In', context: { traits } },
          { type: 'track', userId, event: 'Product Added', properties: { product_id: 'lamp' } },
        ];
      }),
    );
    await platform.advanceTo(iso(startMs + 60_000));
    const said = await fromPage('/v1/batch', {
      batch: victims.flatMap(({ how, userId }) => attacks[how]?.(userId) ?? []),
    });
    expect(said.status).toBe(200);
    // The main part of each event is taken, and what has no effect is named.
    expect(said.body.results?.filter(({ accepted }) => !accepted)).toEqual([]);
    const named = new Set(said.body.results?.flatMap(({ ignored = [] }) => ignored.map(({ code }) => code)));
    await platform.advanceTo(iso(startMs + 2 * 3_600_000));
    const found = await Promise.all(
      victims.map(async ({ how, userId }) => {
        const { identifiers, traits, consent } = await personOf(`user_id:${userId}`);
        return {
          how,
          emails: identifiers.filter(({ type }) => type === 'email').map(({ value }) => value),
          trait: traits['email']?.value ?? `${userId}@shop.example`,
          granted: Object.entries(consent).filter(([, { granted }]) => granted),
        };
      }),
    );
    const { body } = await platform.get<{ messages: readonly { readonly to: string }[] }>('/v1/mail');
    expect({ mails: body.messages.map(({ to }) => to), found }).toEqual({
      mails: [],
      found: victims.map(({ how, userId }) => ({
        how,
        emails: [`${userId}@shop.example`],
        trait: `${userId}@shop.example`,
        granted: [],
      })),
    });
    expect([...named].sort()).toEqual(['INGESTION_BROWSER_CONSENT', 'INGESTION_BROWSER_IDENTIFIER']);
  });

  it('speaks for the device that it holds, and withdraws; the server speaks for accounts', async () => {
    const anonymousId = 'own-device';
    await fromPage('/v1/identify', { anonymousId, traits: { plan: 'free' }, context: { consent: grants } });
    await platform.send([{ type: 'identify', userId: 'carl', traits: { consent: { marketing: true } } }]);
    await platform.advanceTo();
    expect((await personOf(`anonymous_id:${anonymousId}`)).consent['marketing']?.granted).toBe(true);
    expect((await personOf('user_id:carl')).consent['marketing']?.granted).toBe(true);
    await platform.advanceTo(iso(startMs + 3 * 3_600_000));
    const withdrawal = { event: 'Consent Revoked', properties: { purpose: 'marketing' } };
    await fromPage('/v1/track', { userId: 'carl', ...withdrawal });
    await platform.advanceTo();
    expect((await personOf('user_id:carl')).consent['marketing']?.granted).toBe(false);
  });

  it('takes no place of an event that the server is still to send', async () => {
    const order = { userId: 'dora', messageId: 'order-1001' };
    await fromPage('/v1/track', { ...order, event: 'Nothing' });
    await platform.send([
      { type: 'identify', ...order, messageId: 'customer-1001', traits: { plan: 'gold' } },
      { type: 'track', ...order, event: 'Order Completed', properties: { total: 30 } },
    ]);
    await platform.advanceTo();
    const { body } = await platform.get<{ events: readonly { readonly event?: string }[] }>(
      '/v1/people/user_id:dora/timeline',
    );
    expect(body.events.map(({ event }) => event ?? 'identify').sort()).toEqual([
      'Nothing',
      'Order Completed',
      'identify',
    ]);
  });

  it('is slowed down by address, also with the key in the body, and slows down nobody else', async () => {
    const batch = Array.from({ length: 1_200 }, (_, number) => ({
      type: 'track',
      anonymousId: `flood-${number}`,
      event: 'x',
    }));
    const loud = '198.51.100.7';
    expect((await fromPage('/v1/batch', { batch }, { address: loud })).status).toBe(200);
    const one = { anonymousId: 'flood-0', event: 'x' };
    const inHeader = await fromPage('/v1/track', one, { address: loud });
    const inBody = await fromPage('/v1/track', { ...one, writeKey: publicKey }, { address: loud, key: '' });
    for (const { status, headers, body } of [inHeader, inBody]) {
      expect([status, body.error?.code]).toEqual([429, 'INGESTION_RATE_LIMITED']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect((await fromPage('/v1/track', one)).status).toBe(200);
    expect((await fromPage('/v1/track', one, { address: loud, key: 'test-write-key' })).status).toBe(200);
  });
});
