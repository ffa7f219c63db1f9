import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { topics } from '@rapport/contracts';
import { openLmdbEventLog } from '@rapport/event-log';
import { profileIdOf, type Identifier } from '@rapport/kernel';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { limitEvents } from './limit-events.js';
import { readTopics } from './limit-records.js';
import { appendNearlyGood } from './raw-records.js';

const startIso = '2026-11-29T10:00:00.000Z';
/** What no topic promises. */
const shapeless = ['not json', 'null', '{}', '[]', '17', '{"profileId":{}}', '\u0000', ''];
interface Rejected {
  readonly id: string;
  readonly stage: string;
  readonly code: string;
  readonly detail: string;
  readonly place: string;
  readonly original: string;
}

const rejectedOf = async (platform: TestPlatform, query = 'limit=1000'): Promise<readonly Rejected[]> =>
  (await platform.get<{ records: readonly Rejected[] }>(`/v1/rejected?${query}`)).body.records;

/** Settles, and says how every consumer stands then. */
async function expectWell(platform: TestPlatform): Promise<void> {
  await platform.advanceTo();
  const { body } = await platform.get<{ lags: Record<string, number> }>('/v1/status');
  expect(Object.keys(body.lags).sort()).toEqual(
    expect.arrayContaining(['deliver-email', 'deliver-webhook', 'identity', 'journeys', 'model-serving']),
  );
  expect(Object.entries(body.lags).filter(([, lag]) => lag > 0)).toEqual([]);
  const { body: ready } = await platform.get<{ waiting?: readonly string[] }>('/readyz');
  // Models are loaded while everything else goes on.
  expect((ready.waiting ?? []).filter((line) => !line.includes('LOADING'))).toEqual([]);
}

const eventsOf = async (platform: TestPlatform, person: string): Promise<number> =>
  (await platform.get<{ events?: readonly object[] }>(`/v1/people/${encodeURIComponent(person)}/timeline`))
    .body.events?.length ?? 0;

const accepted = (userId: string, n: number): object => ({
  type: 'track',
  messageId: `raw-${userId}-${n}`,
  origin: `user_id:${userId}`,
  identifiers: [`user_id:${userId}`],
  event: 'Order Completed',
  properties: { revenue: 1 },
  timestamp: startIso,
  receivedAt: startIso,
  source: 'raw',
});

const message = (n: number): object => ({
  messageId: `m_raw${n}`,
  profileId: profileIdOf('user_id:raw' as Identifier),
  channel: 'email',
  tactic: 'raw',
  variant: 'a',
  decisionId: 'd_raw',
  to: `raw${n}@example.com`,
  content: { subject: `Raw ${n}`, text: 'x', html: '<p>x</p>' },
  requestedAt: startIso,
});

/** What is on the topics when the platform starts: good records, and what nobody can read between them. */
async function fillTopics(dataDir: string): Promise<number> {
  const log = await openLmdbEventLog({ path: join(dataDir, 'log') });
  await log.ensureTopics(Object.values(topics));
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  const good = async (n: number): Promise<void> => {
    await log.append(topics.accepted.name, [{ key: 'user_id:raw', value: bytes(accepted('raw', n)) }]);
    await log.append(topics.messagesRequested.name, [{ key: 'raw', value: bytes(message(n)) }]);
  };
  await good(1);
  for (const name of readTopics) {
    for (const key of ['raw', 'user_id:raw', 'other', 'third'])
      await log.append(
        name,
        shapeless.map((text) => ({ key, value: Buffer.from(text) })),
      );
  }
  // In order as a value, and more than a store can key or a room can sum.
  const heavy = accepted('é'.repeat(247), 1) as { properties: object };
  await log.append(topics.accepted.name, [
    { key: 'user_id:raw', value: bytes(heavy) },
    {
      key: 'user_id:raw',
      value: Buffer.from(JSON.stringify(accepted('raw', 3)).replace('"revenue":1', '"revenue":1e303')),
    },
  ]);
  await good(2);
  await log.close();
  return readTopics.length * shapeless.length * 4 + 1;
}

describe('records that can never be processed', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rapport-records-'));
  let platform: TestPlatform;
  let unreadable: number;

  beforeAll(async () => {
    unreadable = await fillTopics(dataDir);
    platform = await startPlatform({ dataDir, virtualFrom: startIso });
  });
  afterAll(async () => {
    await platform.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('stop nobody: what nobody can read is refused with its place, and the records around it are handled', async () => {
    await expectWell(platform);
    expect(await eventsOf(platform, 'user_id:raw')).toBe(3);
    // Each came as far as being looked at before a try: the playbook has no such tactic, so neither is sent.
    const { body } = await platform.get<{ messages: readonly { messageId: string; reason: string }[] }>(
      '/v1/messages?tactic=raw',
    );
    expect(body.messages.map(({ messageId, reason }) => `${messageId} ${reason}`).sort()).toEqual([
      'm_raw1 tactic_unknown',
      'm_raw2 tactic_unknown',
    ]);
    const rejected = await rejectedOf(platform);
    expect(rejected.every(({ code }) => code === 'RECORD_UNREADABLE')).toBe(true);
    // Each once, though every channel reads what is to be sent; profile changes are read by two rooms.
    const places = new Set(rejected.map(({ place }) => place));
    expect(places.size).toBe(unreadable);
    expect(rejected.length).toBe(unreadable + shapeless.length * 4);
    expect(rejected.filter(({ stage }) => stage === 'deliver')).toHaveLength(shapeless.length * 4);
  });

  it('are verdicts where a client sends them, in bytes and in the range of amounts', async () => {
    const order = (userId: unknown, properties: object = {}): object => ({
      type: 'track',
      event: 'Order Completed',
      userId,
      properties,
    });
    const { body } = await platform.send([
      order('é'.repeat(247)),
      order('漢'.repeat(165)),
      order('é'.repeat(246)),
      order('漢'.repeat(164)),
      order('u', { revenue: 1e303 }),
      order('u', { revenue: -1e21 }),
      order('u', { products: [{ price: 1e21 }] }),
      order('u', { revenue: 9.99e20 }),
    ]);
    expect(body.results.map(({ code = 'accepted' }) => code)).toEqual([
      'INGESTION_ID_INVALID',
      'INGESTION_ID_INVALID',
      'accepted',
      'accepted',
      'INGESTION_NUMBER_RANGE',
      'INGESTION_NUMBER_RANGE',
      'INGESTION_NUMBER_RANGE',
      'accepted',
    ]);
    expect(body.results[0]?.detail).toContain('492 bytes');
    await expectWell(platform);
    expect(await eventsOf(platform, `user_id:${'漢'.repeat(164)}`)).toBe(1);
    expect(await eventsOf(platform, 'user_id:u')).toBe(1);
  });

  it('do not get past the door, whatever their lengths, widths, numbers and nesting: accepted is storable by every room', async () => {
    const before = await rejectedOf(platform);
    const events = fc.sample(limitEvents, { numRuns: 250, seed: 13 });
    const results: { accepted: boolean }[] = [];
    for (let from = 0; from < events.length; from += 40)
      results.push(...(await platform.send(events.slice(from, from + 40))).body.results);
    const taken = results.filter(({ accepted: isTaken }) => isTaken);
    expect(taken.length).toBeGreaterThan(events.length / 10);
    expect(taken.length).toBeLessThan((events.length * 9) / 10);
    await expectWell(platform);
    const known = new Set(before.map(({ id }) => id));
    const beyond = (await rejectedOf(platform)).filter(
      ({ id, stage }) => stage !== 'ingestion' && !known.has(id),
    );
    expect(beyond).toEqual([]);
  });

  it('cannot be made by operators and pages either', async () => {
    const code = async (path: string, body: object): Promise<unknown> => {
      const answer = await platform.post<{ error?: { code: string } }>(path, body);
      return answer.body.error?.code ?? answer.status;
    };
    const decide = (person: string): Promise<unknown> =>
      code('/v1/decide', { person, placement: 'home_hero', candidates: [] });
    const link = (from: string, reason = 'test'): Promise<unknown> =>
      code('/v1/identity/link', { from, to: 'user_id:raw', reason });
    expect({
      stranger: await decide(`p_${'x'.repeat(2_000)}`),
      tooWide: await decide(`user_id:${'é'.repeat(247)}`),
      widest: await decide(`user_id:${'é'.repeat(246)}`),
      linkTooWide: await link(`phone:${'漢'.repeat(165)}`),
      linkWidest: await link(`phone:${'漢'.repeat(164)}`),
      growing: await link(`email:${'İ'.repeat(200)}@x`),
      wordy: await link('phone:2', 'r'.repeat(501)),
    }).toEqual({
      stranger: 'IDENTIFIER_INVALID',
      tooWide: 'IDENTIFIER_INVALID',
      widest: 200,
      linkTooWide: 'IDENTIFIER_INVALID',
      linkWidest: 200,
      growing: 'IDENTIFIER_INVALID',
      wordy: 'IDENTITY_REASON_INVALID',
    });
    await expectWell(platform);
  });

  it('are shown one by one and put back from where they came', async () => {
    const [first] = await rejectedOf(platform, 'stage=deliver&limit=1');
    expect((await platform.get<Rejected>(`/v1/rejected/${first?.id}`)).body).toEqual(first);
    expect(await platform.get('/v1/rejected/9-99')).toMatchObject({
      status: 404,
      body: { error: { code: 'INGESTION_REJECTED_UNKNOWN' } },
    });
    const { body } = await platform.post<{ results: readonly { code: string }[] }>('/v1/rejected/replay', {
      ids: [first?.id],
    });
    expect(body.results).toMatchObject([{ accepted: false, code: 'INGESTION_REPLAY_UNREADABLE' }]);
  });

  it('stop nobody after a restart either, nor do those that came meanwhile and are nearly in order', async () => {
    const before = await rejectedOf(platform);
    await platform.kill();
    await appendNearlyGood(dataDir, 12, 13);
    platform = await startPlatform({ dataDir, virtualFrom: startIso });
    await expectWell(platform);
    const after = await rejectedOf(platform);
    expect(after.map(({ id }) => id)).toEqual(expect.arrayContaining(before.map(({ id }) => id)));
    expect(after.length).toBeGreaterThan(before.length);
    const { body } = await platform.send([{ type: 'track', event: 'Order Completed', userId: 'after' }]);
    expect(body.results).toMatchObject([{ accepted: true }]);
    await expectWell(platform);
    expect(await eventsOf(platform, 'user_id:after')).toBe(1);
  });
});
