import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { bucketOf } from '@rapport/kernel';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

/** A mail as a server of the world gets it. */
interface Mail {
  readonly to: readonly string[];
  readonly raw: string;
}

const startMs = Date.parse('2026-11-29T12:28:59.039Z');
const iso = (ms: number): string => new Date(ms).toISOString();

const tactic = (name: string, more: string): string => `
- name: ${name}
  title: ${name}
  segment: joined
  goal: { event: Order Completed, metric: count, within: 7d, target: 0.1 }
${more}`;
const tactics = [
  tactic(
    'news',
    `
  channel: email
  holdout: 0
  variants: [{ name: one, content: { subject: News, text: "News: {{ link }}" } }]`,
  ),
  tactic(
    'offer',
    `
  channel: email
  holdout: 0
  consent: marketing
  variants: [{ name: one, content: { subject: "Grüße aus dem Süden", html: "<html><body><h1>Offer</h1><p>One &amp; two</p></body></html>" } }]`,
  ),
  tactic(
    'rare',
    `
  channel: rare_mail
  holdout: 0
  variants: [{ name: one, content: { subject: Rare, text: Rare } }]`,
  ),
  tactic(
    'fragile',
    `
  channel: email
  holdout: 0.5
  variants: [{ name: one, content: { subject: Fragile, text: "{% for i in (1..profile.traits.count.value) %}x{% endfor %}" } }]`,
  ),
];
const journeys = ['news', 'offer', 'rare', 'fragile'].map(
  (name) => `
- name: ${name}
  title: ${name}
  version: 1
  start: { event: ${name} }
  steps: [{ name: one, send: ${name} }]
  reentryAfter: 1m
`,
);
const channels = `
- { name: email, kind: email, options: { from: Shop <shop@example.com> } }
- { name: rare_mail, kind: email, options: { from: Shop <shop@example.com> }, caps: [{ max: 1, per: 1d }] }
`;

async function writePlaybook(dir: string): Promise<void> {
  await cp(join(repositoryRoot, 'playbook'), dir, { recursive: true });
  await writeFile(
    join(dir, 'segments.yaml'),
    '- { name: joined, title: Joined, when: { did: { event: Joined } } }\n',
  );
  await writeFile(join(dir, 'tactics.yaml'), tactics.join(''));
  await writeFile(join(dir, 'journeys.yaml'), journeys.join(''));
  await writeFile(join(dir, 'channels.yaml'), channels);
  await writeFile(join(dir, 'placements.yaml'), '[]\n');
}

describe('mail that does no harm', () => {
  let dir: string;
  let platform: TestPlatform;
  let nowMs = startMs;
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, raw: Buffer.concat(chunks).toString('latin1') });
        done();
      });
    },
  });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'rapport-mail-'));
    await writePlaybook(join(dir, 'playbook'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.server.address() as AddressInfo;
    platform = await startPlatform({
      virtualFrom: iso(startMs),
      playbookDir: join(dir, 'playbook'),
      environment: {
        RAPPORT_SMTP_URL: `smtp://127.0.0.1:${port}/?ignoreTLS=true`,
        RAPPORT_PUBLIC_URL: 'http://127.0.0.1:1',
      },
    });
  });
  afterAll(async () => {
    await platform.stop();
    await new Promise<void>((closed) => server.close(() => closed()));
    await rm(dir, { recursive: true, force: true });
  });

  const send = async (...events: readonly object[]): Promise<void> => {
    const { body } = await platform.send(events.map((event) => ({ timestamp: iso(nowMs), ...event })));
    expect(body.results.filter(({ accepted }) => !accepted)).toEqual([]);
    await platform.advanceTo();
  };
  const joins = (userId: string, traits: object, marketing = true): readonly object[] => [
    { type: 'identify', userId, traits },
    { type: 'track', userId, event: 'Joined' },
    ...(marketing
      ? [{ type: 'track', userId, event: 'Consent Granted', properties: { purpose: 'marketing' } }]
      : []),
  ];
  /** The mails that an event of somebody's brings. */
  const mailsAfter = async (event: string, ...userIds: readonly string[]): Promise<readonly Mail[]> => {
    nowMs += 120_000;
    await platform.advanceTo(iso(nowMs));
    const before = mails.length;
    await send(...userIds.map((userId) => ({ type: 'track', userId, event })));
    return mails.slice(before);
  };
  const linkIn = ({ raw }: Mail): string => {
    const path = /^List-Unsubscribe: <http:\/\/127\.0\.0\.1:1(\S+)>\r$/m.exec(raw)?.[1];
    return `${platform.httpUrl}${path ?? '/no-link'}`;
  };
  const click = async (link: string): Promise<number> => {
    const body = 'List-Unsubscribe=One-Click';
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return (await fetch(link, { method: 'POST', headers, body })).status;
  };

  it('has the date of RFC 5322, a text part and a visible way out, whatever the content was', async () => {
    await send(...joins('ada', { email: 'ada@example.com' }));
    const [mail, ...more] = await mailsAfter('offer', 'ada');
    expect([mail?.to, more]).toEqual([['ada@example.com'], []]);
    const raw = mail?.raw ?? '';
    expect(/^Date: (.*)\r$/m.exec(raw)?.[1]).toMatch(
      /^(Sun|Mon|Tue|Wed|Thu|Fri|Sat), \d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/,
    );
    expect(raw.split('\r\n').filter((line) => line.length > 998 || /[\r\n]/.test(line))).toEqual([]);
    const boundary = /boundary="?([^"\r\n]+)"?/.exec(raw)?.[1] ?? 'no boundary';
    const [text = '', html = ''] = raw.split(`--${boundary}`).slice(1);
    expect(text).toContain('Content-Type: text/plain');
    expect(html).toContain('Content-Type: text/html');
    const plain = (part: string): string =>
      part.replaceAll('=\r\n', '').replaceAll('=3D', '=').replaceAll('&amp;', '&');
    expect(plain(text)).toContain('One & two');
    for (const part of [text, html]) expect(plain(part)).toContain('http://127.0.0.1:1/v1/unsubscribe/');
  });

  it('stops when its link is used, also where the tactic asks for no consent', async () => {
    await send(...joins('bob', { email: 'bob@example.com' }, false));
    const [mail] = await mailsAfter('news', 'bob');
    expect(mail?.to).toEqual(['bob@example.com']);
    expect(await click(linkIn(mail as Mail))).toBe(200);
    expect(await mailsAfter('news', 'bob')).toEqual([]);
  });

  it('writes one event for a link that is used 300 times, and stops again after a new yes', async () => {
    await send(...joins('cyd', { email: 'cyd@example.com' }));
    const [mail] = await mailsAfter('offer', 'cyd');
    const link = linkIn(mail as Mail);
    const events = async (): Promise<number> => {
      const path = '/v1/people/user_id:cyd/timeline?type=track&event=Unsubscribed&limit=500';
      return (await platform.get<{ events: unknown[] }>(path)).body.events.length;
    };
    for (let round = 0; round < 10; round++) {
      const codes = await Promise.all(Array.from({ length: 30 }, async () => click(link)));
      expect(codes.filter((code) => code !== 200)).toEqual([]);
    }
    await platform.advanceTo();
    expect(await events()).toBe(1);
    nowMs += 60_000;
    await platform.advanceTo(iso(nowMs));
    await send({
      type: 'track',
      userId: 'cyd',
      event: 'Consent Granted',
      properties: { purpose: 'marketing' },
    });
    expect(await mailsAfter('offer', 'cyd')).toHaveLength(1);
    expect(await click(link)).toBe(200);
    expect(await mailsAfter('offer', 'cyd')).toEqual([]);
    expect(await events()).toBe(2);
  });

  it('goes to no address that was taken back, and to none that is not one address', async () => {
    await send(
      ...joins('dan', { email: 'dan@example.com' }),
      ...joins('eve', { email: 'eve1@example.com, eve2@example.com' }),
      ...joins('fay', { email: '@' }),
      ...joins('guy', { email: 'Guy <guy@example.com>' }),
    );
    expect((await mailsAfter('news', 'dan', 'eve', 'fay', 'guy')).map(({ to }) => to)).toEqual([
      ['dan@example.com'],
    ]);
    nowMs += 1000;
    await platform.advanceTo(iso(nowMs));
    await send({ type: 'identify', userId: 'dan', traits: { email: null } });
    expect(await mailsAfter('news', 'dan')).toEqual([]);
    await send({ type: 'identify', userId: 'dan', traits: { email: 'new@example.com' } });
    expect((await mailsAfter('news', 'dan')).map(({ to }) => to)).toEqual([['new@example.com']]);
    const pair = { from: 'user_id:dan', to: 'email:new@example.com', reason: 'a typo' };
    expect((await platform.post('/v1/identity/unlink', pair)).status).toBe(200);
    expect(await mailsAfter('news', 'dan')).toEqual([]);
  });

  it('counts subscriptions and caps by address too, whoever has it', async () => {
    await send(
      ...joins('hal', { email: 'home@example.com' }),
      ...joins('ida', { email: 'Home@Example.com' }),
      ...joins('joe', { email: 'joe@example.com' }),
    );
    const capped = await mailsAfter('rare', 'hal', 'ida', 'joe');
    expect(capped.map(({ to }) => to[0]?.toLowerCase()).sort()).toEqual([
      'home@example.com',
      'joe@example.com',
    ]);
    const [mail] = await mailsAfter('offer', 'hal');
    expect(await click(linkIn(mail as Mail))).toBe(200);
    expect((await mailsAfter('offer', 'hal', 'ida', 'joe')).map(({ to }) => to)).toEqual([
      ['joe@example.com'],
    ]);
  });

  it('loses the same people in both arms where a template fails for half of them', async () => {
    const people = Array.from({ length: 120 }, (_, index) => `kit-${index}`);
    const isFine = (index: number): boolean => index % 2 === 0;
    await send(
      ...people.flatMap((userId, index) =>
        joins(userId, { email: `${userId}@example.com`, count: isFine(index) ? 3 : 1_000_000_000 }, false),
      ),
    );
    await mailsAfter('fragile', ...people);
    const arms = { treated: 0, heldOut: 0 };
    for (const [index, userId] of people.entries()) {
      if (!isFine(index)) continue;
      const { body } = await platform.get<{ profileId: string }>(`/v1/people/user_id:${userId}`);
      arms[bucketOf('holdout:fragile', body.profileId) < 0.5 ? 'heldOut' : 'treated']++;
    }
    const { body } = await platform.get<{
      tactics: { tactic: string; treated: { people: number }; heldOut: { people: number } }[];
    }>('/v1/tactics');
    const found = body.tactics.find((one) => one.tactic === 'fragile');
    expect({ treated: found?.treated.people, heldOut: found?.heldOut.people }).toEqual(arms);
  });

  it('is not sent into the world without a public address that its links lead to', async () => {
    const start = startPlatform({
      playbookDir: join(dir, 'playbook'),
      environment: { RAPPORT_SMTP_URL: 'smtp://127.0.0.1:9', RAPPORT_PUBLIC_URL: '' },
    }).then(async (started) => started.stop());
    await expect(start).rejects.toThrow(/RAPPORT_PUBLIC_URL: expected the address/);
  });
});
