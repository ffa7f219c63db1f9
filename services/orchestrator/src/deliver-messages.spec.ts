import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import {
  encodeJson,
  topics,
  type Delivery,
  type JsonObject,
  type RequestedMessage,
} from '@rapport/contracts';
import type { Playbook } from '@rapport/playbook';
import type { ProfileId } from '@rapport/kernel';
import { mailTactic, playbook, tactic } from './fixtures/definitions.js';
import { openDoor } from './fixtures/http-door.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';
import type { SunkMail } from './ports/mail-sink.js';

const secret = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const closing: (() => Promise<void>)[] = [];
let world: TemporaryRoom;
afterEach(async () => {
  await world.close();
  for (const close of closing.splice(0)) await close();
});

/** A message about `reminder`, for the person whose address it is; webhooks are about Ada. */
async function request(messageId: string, channel: string, to: string, content: JsonObject): Promise<void> {
  const name = channel === 'email' ? to.slice(0, to.indexOf('@')) : 'ada';
  if (!world.people.people.has(`p_${name}`)) world.people.add(name);
  const message: RequestedMessage = {
    messageId,
    profileId: `p_${name}` as ProfileId,
    channel,
    tactic: 'reminder',
    variant: 'only',
    decisionId: 'd1',
    to,
    content,
    requestedAt: new Date(startMs).toISOString(),
  };
  await world.log.append(topics.messagesRequested.name, [{ key: `p_${name}`, value: encodeJson(message) }]);
}

const delivered = async (): Promise<Delivery[]> => world.read<Delivery>(topics.deliveriesRecorded);

describe('mail', () => {
  const mail = {
    subject: 'Grüße',
    text: 'Hello\n',
    html: '<p>Hello</p>',
    unsubscribe: 'https://x.example/u/1',
  };

  it('comes in at the sink once, with one-click headers, however often it is requested', async () => {
    world = await openTemporaryRoom(playbook({ tactics: [mailTactic('reminder')] }));
    const room = await world.start();
    await request('m_1', 'email', 'ada@example.com', mail);
    await request('m_1', 'email', 'ada@example.com', mail);
    await room.settle();
    await request('m_1', 'email', 'ada@example.com', mail);
    await request('m_2', 'email', 'bob@example.com', mail);
    await room.settle();
    const door = await openDoor(room);
    const { body } = await door.get<{ messages: SunkMail[]; nextCursor: string }>('/v1/mail');
    expect(body.messages).toMatchObject([
      { messageId: 'm_1', to: 'ada@example.com', subject: 'Grüße', tactic: 'reminder', channel: 'email' },
      { messageId: 'm_2', to: 'bob@example.com' },
    ]);
    const [first] = body.messages;
    expect(first?.text).toContain('No more of these: https://x.example/u/1');
    expect(first?.headers).toMatchObject({
      'message-id': '<m_1@rapport>',
      'list-unsubscribe': '<https://x.example/u/1>',
      'list-unsubscribe-post': 'List-Unsubscribe=One-Click',
    });
    const rest = await door.get<{ messages: SunkMail[] }>(`/v1/mail?since=${first?.id ?? ''}`);
    expect(rest.body.messages.map(({ messageId }) => messageId)).toEqual(['m_2']);
    const end = await door.get<{ messages: SunkMail[]; nextCursor: string }>(
      `/v1/mail?after=${body.nextCursor}`,
    );
    expect(end.body).toEqual({ messages: [], nextCursor: body.nextCursor, repeats: 0 });
    expect((await door.get('/v1/mail', {})).status).toBe(401);
    expect((await door.get('/v1/mail?limit=0')).status).toBe(400);
    const page = await door.get<string>('/mail', {});
    expect(page.body).toContain('Grüße');
    await door.close();
    expect((await delivered()).map(({ messageId, outcome }) => [messageId, outcome]).sort()).toEqual([
      ['m_1', 'sent'],
      ['m_2', 'sent'],
    ]);
  });

  it('keeps the newest mails only', async () => {
    world = await openTemporaryRoom(playbook({ tactics: [mailTactic('reminder')] }), {
      environment: { RAPPORT_MAIL_SINK_MESSAGES: '3' },
    });
    const room = await world.start();
    for (let number = 1; number <= 5; number++) {
      await request(`m_${number}`, 'email', 'ada@example.com', mail);
      await room.settle();
    }
    const door = await openDoor(room);
    const { body } = await door.get<{ messages: SunkMail[] }>('/v1/mail');
    await door.close();
    expect(body.messages.map(({ messageId }) => messageId)).toEqual(['m_3', 'm_4', 'm_5']);
  });

  it('waits longer and longer for a server that is not there, and gives up in the end', async () => {
    const environment = {
      RAPPORT_SMTP_URL: 'smtp://127.0.0.1:9',
      RAPPORT_PUBLIC_URL: 'https://mail.example.com',
      RAPPORT_DELIVERY_RETRY_FOR: '1m',
    };
    world = await openTemporaryRoom(playbook({ tactics: [mailTactic('reminder')] }), { environment });
    const room = await world.start();
    await request('m_1', 'email', 'ada@example.com', mail);
    for (let afterMs = 1_000; afterMs < 60_000; afterMs += 1_000)
      await world.advanceTo(room, startMs + afterMs);
    expect(await delivered()).toEqual([]);
    await world.advanceTo(room, startMs + 60_000);
    const [{ attempts, ...end } = { attempts: 0 }, ...more] = await delivered();
    expect([end, more]).toMatchObject([{ outcome: 'failed' }, []]);
    // Waits of 5, 10, 20 and 40 s, each drawn from its upper half, then the end of the time.
    expect(attempts).toBeGreaterThanOrEqual(5);
    expect(attempts).toBeLessThanOrEqual(6);
    const door = await openDoor(room);
    expect((await door.get<{ error: { code: string } }>('/v1/mail')).body.error.code).toBe(
      'ORCHESTRATOR_SINK_OFF',
    );
    await door.close();
  });
});

/** A webhook receiver that answers with the statuses given, then 200. */
async function receiver(...answers: (number | { status: number; retryAfter: string })[]) {
  const got: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      got.push({ headers: incoming.headers, body });
      const answer = answers.shift() ?? 200;
      const { status, ...more } = typeof answer === 'number' ? { status: answer } : answer;
      const headers = 'retryAfter' in more ? { 'retry-after': more.retryAfter } : {};
      response.writeHead(status, { location: 'http://127.0.0.1:1/', ...headers }).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    async () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

describe('webhooks', () => {
  const hooks = (url: string): Playbook =>
    playbook({
      tactics: [tactic('reminder', { channel: 'crm' })],
      channels: [{ name: 'crm', kind: 'webhook', options: { url, secretVariable: 'CRM_SECRET' } }],
    });

  it('are signed as Standard Webhooks asks, and tried again until the answer is 2xx', async () => {
    const { got, url } = await receiver(500, 302);
    world = await openTemporaryRoom(hooks(url), { environment: { CRM_SECRET: secret } });
    const room = await world.start();
    await request('m_1', 'crm', url, { reason: 'call' });
    // The signature's time is the platform's; a verifier compares it with its own clock.
    const verify = (one: { headers: IncomingHttpHeaders; body: string } | undefined): unknown => {
      const headers = Object.fromEntries(
        Object.entries(one?.headers ?? {}).map(([name, value]) => [name, String(value)]),
      );
      const at = new Date(Number(headers['webhook-timestamp']) * 1000);
      expect(new Webhook(secret).sign('m_1', at, one?.body ?? '')).toBe(headers['webhook-signature']);
      return JSON.parse(one?.body ?? '');
    };
    await world.advanceTo(room, startMs + 5_000);
    await world.advanceTo(room, startMs + 35_000);
    expect(got).toHaveLength(3);
    expect(new Set(got.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(['m_1']));
    expect(verify(got[2])).toMatchObject({
      type: 'message.requested',
      data: { tactic: 'reminder', content: { reason: 'call' } },
    });
    expect(await delivered()).toMatchObject([{ outcome: 'sent', attempts: 3, detail: 'answered 200' }]);
  });

  it('are tried again unless the answer says that the request is wrong, each answer asked for once', async () => {
    const cases = [
      { statuses: [400], outcome: 'failed' },
      { statuses: [401], outcome: 'failed' },
      { statuses: [404], outcome: 'failed' },
      { statuses: [422], outcome: 'failed' },
      { statuses: [408, 200], outcome: 'sent' },
      { statuses: [425, 200], outcome: 'sent' },
      { statuses: [429, 200], outcome: 'sent' },
      { statuses: [500, 503, 200], outcome: 'sent' },
    ];
    const receivers = await Promise.all(cases.map(async ({ statuses }) => receiver(...statuses)));
    world = await openTemporaryRoom(hooks(receivers[0]?.url ?? ''));
    const room = await world.start();
    for (const [index, { url }] of receivers.entries()) await request(`m_${index}`, 'crm', url, {});
    await world.advanceTo(room, startMs + 10_000);
    await world.advanceTo(room, startMs + 60_000);
    const ends = new Map((await delivered()).map((one) => [one.messageId, one]));
    for (const [index, { statuses, outcome }] of cases.entries()) {
      expect(receivers[index]?.got).toHaveLength(statuses.length);
      expect(ends.get(`m_${index}`)).toMatchObject({ outcome, attempts: statuses.length });
    }
  });

  it('wait as long as the receiver asks for', async () => {
    const { got, url } = await receiver({ status: 429, retryAfter: '600' });
    world = await openTemporaryRoom(hooks(url));
    const room = await world.start();
    await request('m_1', 'crm', url, {});
    await world.advanceTo(room, startMs + 599_000);
    expect(got).toHaveLength(1);
    await world.advanceTo(room, startMs + 600_000);
    expect(got).toHaveLength(2);
    expect(await delivered()).toMatchObject([{ outcome: 'sent', attempts: 2 }]);
  });

  it('stop for good when the receiver says that it is gone', async () => {
    const { got, url } = await receiver(410);
    world = await openTemporaryRoom(hooks(url));
    const room = await world.start();
    await request('m_1', 'crm', url, {});
    await room.settle();
    await request('m_2', 'crm', url, {});
    await room.settle();
    expect(got).toHaveLength(1);
    expect((await delivered()).map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
  });

  it('are not led to private addresses where that is forbidden', async () => {
    const { got, url } = await receiver();
    const environment = { RAPPORT_WEBHOOK_PRIVATE_ADDRESSES: 'false', RAPPORT_DELIVERY_RETRY_FOR: '1s' };
    world = await openTemporaryRoom(hooks(url), { environment });
    const room = await world.start();
    await request('m_1', 'crm', url, {});
    await request('m_2', 'crm', url.replace('127.0.0.1', 'localhost'), {});
    await world.advanceTo(room, startMs + 10_000);
    expect(got).toEqual([]);
    expect(
      (await delivered()).map(({ outcome, detail }) => [outcome, /private address/.test(detail)]),
    ).toEqual([
      ['failed', true],
      ['failed', true],
    ]);
  });
});

describe('the unsubscribe link', () => {
  it('asks back on GET, and takes the consent back on POST, as mail programs send it', async () => {
    world = await openTemporaryRoom(
      playbook({
        tactics: [mailTactic('reminder')],
        journeys: [
          {
            name: 'j',
            title: 'j',
            version: 1,
            start: { segment: 's' },
            steps: [{ name: 'one', send: 'reminder' }],
          },
        ],
      }),
    );
    const room = await world.start();
    const door = await openDoor(room);
    const ada = world.people.add('ada');
    await world.people.enters(ada, 's');
    await room.settle();
    const { body } = await door.get<{ messages: SunkMail[] }>('/v1/mail');
    const link = body.messages[0]?.headers['list-unsubscribe']?.slice(1, -1) ?? '';
    const path = new URL(link).pathname;
    const asked = await door.get<string>(path, {});
    expect([asked.status, asked.body.includes('<form method="post">')]).toEqual([200, true]);
    expect(world.people.unsubscribed).toEqual([]);
    const done = await door.post(path, 'List-Unsubscribe=One-Click', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(done.status).toBe(200);
    expect(world.people.unsubscribed).toMatchObject([
      {
        type: 'track',
        event: 'Unsubscribed',
        userId: 'ada',
        properties: { purpose: 'email_marketing' },
        context: { consent: { categoryPreferences: { email_marketing: false } } },
      },
    ]);
    const forged = await door.get<{ error: { code: string } }>(path.slice(0, -1), {});
    expect([forged.status, forged.body.error.code]).toEqual([404, 'ORCHESTRATOR_LINK_INVALID']);
    await door.close();
  });
});
