import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { doublesIn, environmentFor, HookWorld, MailWorld, until, writePlaybook } from './receivers.js';

const kills = 10;
const people = Array.from({ length: 600 }, (_, index) => `bulk-${index}`);
/** RAPPORT_DELIVERY_AT_ONCE is 16, and one destination may have half of it. */
const inFlightToOne = 8;
const startIso = '2026-11-29T08:00:00.000Z';

it('ten kills -9 while 600 mails and 600 webhooks go out repeat at most what was in flight at each', async () => {
  const mails = new MailWorld();
  const hooks = new HookWorld();
  const dataDir = mkdtempSync(join(tmpdir(), 'rapport-kills-'));
  const playbook = writePlaybook(await hooks.listen());
  const environment = environmentFor(await mails.listen());
  mails.manners.set('bulk.example', { takesMs: 20 });
  hooks.takesMs = 20;
  const start = async (): Promise<TestPlatform> =>
    startPlatform({ dataDir, virtualFrom: startIso, playbookDir: playbook.dir, environment });
  let platform = await start();
  const send = async (more: (userId: string) => object): Promise<void> => {
    const events = people.map((userId) => ({ userId, timestamp: startIso, ...more(userId) }));
    for (let from = 0; from < events.length; from += 100)
      expect((await platform.send(events.slice(from, from + 100))).status).toBe(200);
  };
  try {
    await send((userId) => ({
      type: 'identify',
      traits: { email: `${userId}@bulk.example` },
      context: { consent: { categoryPreferences: { marketing: true } } },
    }));
    await platform.advanceTo();
    await send(() => ({ type: 'track', event: 'Greeted' }));
    await send(() => ({ type: 'track', event: 'Rang' }));
    for (let kill = 1; kill <= kills; kill++) {
      const enough = (people.length * kill) / (kills + 2);
      await until(() => mails.taken.size > enough && hooks.taken.size > enough, 60_000);
      await platform.kill();
      platform = await start();
    }
    await platform.advanceTo();
    expect([mails.taken.size, hooks.taken.size]).toEqual([people.length, people.length]);
    const doubled = { mails: doublesIn(mails.taken), webhooks: doublesIn(hooks.taken) };
    console.log(`doubled by ${kills} kills: ${JSON.stringify(doubled)}`);
    expect(doubled.mails).toBeLessThanOrEqual(kills * inFlightToOne);
    expect(doubled.webhooks).toBeLessThanOrEqual(kills * inFlightToOne);
  } finally {
    await platform.stop();
    await Promise.all([mails.close(), hooks.close()]);
    playbook.remove();
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 300_000);
