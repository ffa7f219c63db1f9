import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { journeysProto } from '@rapport/contracts';
import { runCli } from '@rapport/cli';
import { createCalls } from '@rapport/service-host';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { doublesIn, environmentFor, HookWorld, MailWorld, until, writePlaybook } from './receivers.js';

interface Standing {
  readonly messageId: string;
  readonly state: string;
  readonly reason: string;
  readonly attempts: number;
  readonly due: string;
}

const hour = 3_600_000;
const startMs = Date.parse('2026-11-29T08:00:00.000Z');
const iso = (ms: number): string => new Date(ms).toISOString();
/** RAPPORT_DELIVERY_AT_ONCE is 16, and one destination may have half of it. */
const inFlightToOne = 8;

describe('what is to be delivered', () => {
  const mails = new MailWorld();
  const hooks = new HookWorld();
  const dataDir = mkdtempSync(join(tmpdir(), 'rapport-delivery-data-'));
  let playbook: ReturnType<typeof writePlaybook>;
  let environment: Record<string, string>;
  let platform: TestPlatform;
  let nowMs = startMs;

  const start = async (): Promise<void> => {
    platform = await startPlatform({
      dataDir,
      virtualFrom: iso(nowMs),
      playbookDir: playbook.dir,
      environment,
    });
  };
  beforeAll(async () => {
    playbook = writePlaybook(await hooks.listen());
    environment = environmentFor(await mails.listen());
    await start();
  }, 60_000);
  afterAll(async () => {
    await platform.stop();
    await Promise.all([mails.close(), hooks.close()]);
    playbook.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const advanceTo = async (atMs: number): Promise<void> => {
    nowMs = atMs;
    await platform.advanceTo(iso(atMs));
  };
  const send = async (...events: readonly object[]): Promise<void> => {
    const { body } = await platform.send(events.map((event) => ({ timestamp: iso(nowMs), ...event })));
    expect(body.results.filter(({ accepted }) => !accepted)).toEqual([]);
  };
  const knownAt = async (domain: string, ...userIds: readonly string[]): Promise<void> =>
    send(
      ...userIds.map((userId) => ({
        type: 'identify',
        userId,
        traits: { email: `${userId}@${domain}` },
        context: { consent: { categoryPreferences: { marketing: true } } },
      })),
    );
  const did = async (event: string, ...userIds: readonly string[]): Promise<void> =>
    send(...userIds.map((userId) => ({ type: 'track', userId, event })));
  const takenBy = (address: string): number => mails.takenBy.get(address)?.length ?? 0;
  const standings = async (query: string): Promise<readonly Standing[]> =>
    (await platform.get<{ messages: Standing[] }>(`/v1/messages?${query}`)).body.messages;
  const instancesOf = async (userId: string): Promise<readonly journeysProto.Instance[]> => {
    const calls = createCalls({ addressOf: () => platform.grpcAddress, apiToken: platform.apiToken });
    const journeys = calls.to<journeysProto.JourneysService>(journeysProto.JourneysServiceDefinition);
    try {
      return (await journeys.listInstances({ person: `user_id:${userId}`, journey: '', limit: 0 })).instances;
    } finally {
      calls.close();
    }
  };

  /** The command line's answer as JSON. */
  const rapport = async (...argv: string[]): Promise<unknown> => {
    let out = '';
    const code = await runCli([...argv, '--json'], {
      out: (text) => (out += text),
      err: (text) => (out += text),
      interactive: false,
      environment: {
        RAPPORT_URL: platform.httpUrl,
        RAPPORT_GRPC_ADDRESS: platform.grpcAddress,
        RAPPORT_API_TOKEN: platform.apiToken,
      },
      stopped: new AbortController().signal,
    });
    expect([code, out]).toEqual([0, out]);
    return JSON.parse(out);
  };

  it('goes to others while one receiver hangs', async () => {
    mails.manners.set('hangs.example', { hangs: true });
    const stuck = Array.from({ length: 40 }, (_, index) => `stuck-${index}`);
    const swift = Array.from({ length: 20 }, (_, index) => `swift-${index}`);
    await knownAt('hangs.example', ...stuck);
    await knownAt('swift.example', ...swift);
    await platform.advanceTo();
    await did('Greeted', ...stuck);
    await until(() => mails.hanging > 0);
    await did('Greeted', ...swift);
    await until(() => swift.every((name) => takenBy(`${name}@swift.example`) === 1), 5_000);
    expect(mails.hanging).toBeGreaterThan(0);
    mails.manners.set('hangs.example', { code: 550 });
    mails.letGo();
  }, 30_000);

  it('is asked for again before every try: 451, then unsubscribed, then 250 sends nothing', async () => {
    mails.manners.set('moody.example', { code: 451 });
    await knownAt('moody.example', 'eve');
    await platform.advanceTo();
    await did('Greeted', 'eve');
    await platform.advanceTo();
    expect(mails.asked.filter((to) => to === 'eve@moody.example')).toHaveLength(1);
    await send({ type: 'track', userId: 'eve', event: 'Unsubscribed', properties: { purpose: 'marketing' } });
    mails.manners.delete('moody.example');
    await advanceTo(nowMs + hour);
    expect(takenBy('eve@moody.example')).toBe(0);
    expect(await standings('person=user_id:eve')).toMatchObject([
      { state: 'cancelled', reason: 'no_consent', attempts: 1 },
    ]);
    // The place under "one a day" is free again.
    await send({
      type: 'track',
      userId: 'eve',
      event: 'Consent Granted',
      properties: { purpose: 'marketing' },
    });
    await did('Greeted', 'eve');
    await platform.advanceTo();
    expect(takenBy('eve@moody.example')).toBe(1);
  }, 30_000);

  it('is tried for a day, then has failed for all to see, and can be replayed', async () => {
    mails.manners.set('down.example', { code: 451 });
    await knownAt('down.example', 'dan');
    await platform.advanceTo();
    await did('Greeted', 'dan');
    const requestedMs = nowMs;
    await platform.advanceTo();
    for (const hours of [1, 1.25, 6, 23.9]) await advanceTo(requestedMs + hours * hour);
    expect(await standings('state=waiting&tactic=greeting')).toMatchObject([{ attempts: 5 }]);
    expect((await instancesOf('dan'))[0]).toMatchObject({ state: 'done' });
    await advanceTo(requestedMs + 24 * hour);
    const [failed] = await standings('state=failed&person=user_id:dan');
    expect(failed).toMatchObject({ reason: 'given_up', attempts: 6 });
    expect((await instancesOf('dan'))[0]).toMatchObject({
      state: 'failed',
      history: [{ step: 'hello', outcome: 'failed', messageId: failed?.messageId }],
    });
    const timeline = await platform.get<{ events: { properties: object }[] }>(
      '/v1/people/user_id:dan/timeline?event=Message%20Failed',
    );
    expect(timeline.body.events).toMatchObject([
      { properties: { messageId: failed?.messageId, channel: 'email', reason: 'given_up' } },
    ]);
    const metrics = await (await fetch(platform.metricsUrl)).text();
    expect(metrics).toMatch(
      /^rapport_orchestrator_messages_ended_total\{channel="email",state="failed",reason="given_up".*\} 1$/m,
    );
    mails.manners.delete('down.example');
    const listed = await rapport('messages', 'list', '--state', 'failed', '--person', 'user_id:dan');
    expect(listed).toEqual([expect.objectContaining({ messageId: failed?.messageId, reason: 'given_up' })]);
    const since = iso(requestedMs + 1);
    expect(await rapport('messages', 'replay', '--tactic', 'greeting', '--since', since)).toEqual({
      messageIds: [failed?.messageId],
    });
    await platform.advanceTo();
    expect(mails.takenBy.get('dan@down.example')).toEqual([`<${failed?.messageId ?? ''}@rapport>`]);
    expect((await instancesOf('dan'))[0]).toMatchObject({ state: 'done', history: [{ outcome: 'sent' }] });
    // A filter that is not understood is no filter: refused, and nothing goes out.
    const misread = await platform.post('/v1/messages/replay', { state: 'failed', tactics: 'greeting' });
    const asked = await platform.post('/v1/messages/replay', { state: 'sent' });
    expect([misread.status, asked.status]).toEqual([400, 400]);
    // What was sent anew took its place under "one a day" again.
    await advanceTo(nowMs + hour);
    await did('Greeted', 'dan');
    await platform.advanceTo();
    expect(takenBy('dan@down.example')).toBe(1);
  }, 30_000);

  it('goes out a second time, after kill -9, only where it was in flight', async () => {
    const people = Array.from({ length: 100 }, (_, index) => `bulk-${index}`);
    mails.manners.set('bulk.example', { takesMs: 20 });
    hooks.takesMs = 20;
    mails.taken.clear();
    await knownAt('bulk.example', ...people);
    await platform.advanceTo();
    await did('Greeted', ...people);
    await did('Rang', ...people);
    await until(() => mails.taken.size > 20 && hooks.taken.size > 20);
    await platform.kill();
    expect(Math.min(mails.taken.size, hooks.taken.size)).toBeLessThan(people.length);
    await start();
    await platform.advanceTo();
    expect([mails.taken.size, hooks.taken.size]).toEqual([people.length, people.length]);
    expect(doublesIn(mails.taken)).toBeLessThanOrEqual(inFlightToOne);
    expect(doublesIn(hooks.taken)).toBeLessThanOrEqual(inFlightToOne);
  }, 60_000);
});
