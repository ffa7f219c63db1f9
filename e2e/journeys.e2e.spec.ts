import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { journeysProto } from '@rapport/contracts';
import { bucketOf } from '@rapport/kernel';
import { createCalls, type Calls } from '@rapport/service-host';
import { startPlatform, type TestPlatform } from '@rapport/testing';

interface Mail {
  readonly messageId: string;
  readonly to: string;
  readonly tactic: string;
  readonly subject: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}
interface Decided {
  readonly decisionId: string;
  readonly chosen: { readonly tactic: string } | null;
  readonly candidates: readonly { readonly tactic: string; readonly outcome: string }[];
}

/** RAPPORT_DELIVERY_AT_ONCE is 16, and one destination may have half of it. */
const inFlightToOne = 8;
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const startMs = Date.parse('2026-03-02T09:00:00.000Z');
const iso = (ms: number): string => new Date(ms).toISOString();

/** One platform in virtual time, and the people of a story. */
class Shop {
  #nextPerson = 0;

  constructor(
    public platform: TestPlatform,
    public nowMs: number,
  ) {}

  async advanceTo(atMs: number): Promise<void> {
    this.nowMs = atMs;
    await this.platform.advanceTo(iso(atMs));
  }

  async send(...events: readonly object[]): Promise<void> {
    const batch = events.map((event) => ({ timestamp: iso(this.nowMs), ...event }));
    const { body } = await this.platform.send(batch);
    expect(body.results.filter(({ accepted }) => !accepted)).toEqual([]);
  }

  /** People with an address and every consent, from whom these tactics are not withheld. */
  async newcomers(count: number, ...tactics: readonly string[]): Promise<string[]> {
    // One in ten is held out of each tactic: twice as many, and some to spare, are always enough.
    const userIds = Array.from({ length: 2 * count + 8 }, () => `shopper-${this.#nextPerson++}`);
    await this.send(
      ...userIds.map((userId) => ({
        type: 'identify',
        userId,
        traits: { email: `${userId}@example.com`, firstName: 'Ada' },
        context: { consent: { categoryPreferences: { marketing: true } } },
      })),
    );
    await this.platform.advanceTo();
    const found: string[] = [];
    for (const userId of userIds) {
      if (found.length === count) break;
      const { body } = await this.platform.get<{ profileId: string }>(`/v1/people/user_id:${userId}`);
      if (tactics.every((name) => bucketOf(`holdout:${name}`, body.profileId) >= 0.1)) found.push(userId);
    }
    expect(found).toHaveLength(count);
    return found;
  }

  async newcomer(...tactics: readonly string[]): Promise<string> {
    return (await this.newcomers(1, ...tactics))[0] ?? '';
  }

  async track(userId: string, event: string, properties: object = {}, atMs = this.nowMs): Promise<void> {
    await this.send({ type: 'track', userId, event, properties, timestamp: iso(atMs) });
  }

  async mailsTo(userId: string): Promise<Mail[]> {
    const { body } = await this.platform.get<{ messages: Mail[] }>('/v1/mail?limit=1000');
    return body.messages.filter(({ to }) => to === `${userId}@example.com`);
  }
}

describe('journeys and caps, from outside', () => {
  let shop: Shop;
  let calls: Calls;
  beforeAll(async () => {
    const platform = await startPlatform({ virtualFrom: iso(startMs) });
    shop = new Shop(platform, startMs);
    calls = createCalls({ addressOf: () => platform.grpcAddress, apiToken: platform.apiToken });
  }, 60_000);
  afterAll(async () => {
    calls.close();
    await shop.platform.stop();
  });

  const instancesOf = async (userId: string): Promise<journeysProto.Instance[]> => {
    const journeys = calls.to<journeysProto.JourneysService>(journeysProto.JourneysServiceDefinition);
    return (await journeys.listInstances({ person: `user_id:${userId}`, journey: '', limit: 0 })).instances;
  };

  it('reminds of a cart an hour after it was left, by one mail', async () => {
    const ada = await shop.newcomer('cart_reminder');
    const leftAt = shop.nowMs;
    await shop.track(ada, 'Product Added', { product_id: 'lamp', category: 'light', price: 30 });
    await shop.advanceTo(leftAt + hour - 1);
    expect(await shop.mailsTo(ada)).toEqual([]);
    await shop.advanceTo(leftAt + hour);
    const [mail, ...more] = await shop.mailsTo(ada);
    expect(more).toEqual([]);
    expect(mail).toMatchObject({
      tactic: 'cart_reminder',
      headers: { 'list-unsubscribe-post': 'List-Unsubscribe=One-Click' },
    });
    expect(mail?.text).toContain('Hello Ada');
    await shop.track(ada, 'Product Added', { product_id: 'lamp', category: 'light', price: 30 });
    await shop.advanceTo(leftAt + 30 * hour);
    expect(await shop.mailsTo(ada)).toHaveLength(1);
  }, 60_000);

  it('is stopped at once by a purchase in the 59th minute', async () => {
    const bob = await shop.newcomer('cart_reminder');
    const leftAt = shop.nowMs;
    await shop.track(bob, 'Product Added', { product_id: 'lamp', category: 'light', price: 30 });
    await shop.advanceTo(leftAt + 59 * minute);
    expect(await instancesOf(bob)).toMatchObject([
      { journey: 'cart_abandoned', state: 'waiting', due: iso(leftAt + hour) },
    ]);
    await shop.track(bob, 'Order Completed', {
      order_id: 'b1',
      revenue: 30,
      products: [{ product_id: 'lamp', quantity: 1, price: 30 }],
    });
    await shop.platform.advanceTo();
    expect(await instancesOf(bob)).toMatchObject([
      { state: 'cancelled', reason: 'Order Completed ended it' },
    ]);
    await shop.advanceTo(leftAt + 2 * day);
    expect(await shop.mailsTo(bob)).toEqual([]);
  }, 60_000);

  it('sends loyal people a selection after 60 days without a purchase, without what they have', async () => {
    const cyd = await shop.newcomer('come_back');
    const began = shop.nowMs;
    const order = async (userId: string, id: string, ...products: readonly string[]): Promise<void> => {
      await shop.track(userId, 'Order Completed', {
        order_id: id,
        revenue: 20,
        products: products.map((product) => ({ product_id: product, quantity: 1, price: 20 })),
      });
    };
    for (const number of [1, 2, 3]) await order(cyd, `c${number}`, 'vase');
    // What others look at and buy at the end, so that there is something to select from.
    await shop.advanceTo(began + 60 * day - hour);
    expect(await shop.mailsTo(cyd)).toEqual([]);
    const others = await shop.newcomers(5);
    for (const [index, product] of ['vase', 'rug', 'clock', 'mug', 'chair'].entries()) {
      const other = others[index] ?? '';
      await shop.track(other, 'Product Viewed', { product_id: product, category: 'home', price: 20 });
      await order(other, `o-${product}`, product);
    }
    await shop.advanceTo(began + 60 * day - 1);
    expect(await shop.mailsTo(cyd)).toEqual([]);
    await shop.advanceTo(began + 60 * day);
    const [mail, ...more] = await shop.mailsTo(cyd);
    expect(more).toEqual([]);
    expect(mail).toMatchObject({ tactic: 'come_back', subject: 'Ada, we have put something aside for you' });
    const items = [...(mail?.text.matchAll(/^ *- (.+)$/gm) ?? [])].map(([, item]) => item);
    expect(items.length).toBeGreaterThan(0);
    expect(items).not.toContain('vase');
  }, 60_000);

  it('shows what is capped at five a day exactly five times to 200 pages that ask at once', async () => {
    const dan = await shop.newcomer('clearance_welcome');
    await shop.send({
      type: 'page',
      userId: dan,
      name: 'Clearance',
      context: { page: { path: '/clearance/lamps' } },
    });
    await shop.platform.advanceTo();
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () =>
        shop.platform.post<Decided>('/v1/decide', { person: `user_id:${dan}`, placement: 'home_hero' }),
      ),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const shown = answers.filter(({ body }) => body.chosen?.tactic === 'clearance_welcome');
    expect(shown).toHaveLength(5);
    const outcome = ({ candidates }: Decided): string | undefined =>
      candidates.find(({ tactic }) => tactic === 'clearance_welcome')?.outcome;
    expect(answers.filter(({ body }) => outcome(body) === 'capped')).toHaveLength(195);
    const id = shown[0]?.body.decisionId ?? '';
    const { body: kept } = await shop.platform.get<Decided>(`/v1/decisions/${id}`);
    expect(kept).toMatchObject({ decisionId: id, chosen: { tactic: 'clearance_welcome' } });
  }, 60_000);

  it('takes the consent back with one click on the link of a mail', async () => {
    const eve = await shop.newcomer('cart_reminder');
    await shop.track(eve, 'Product Added', { product_id: 'lamp', category: 'light', price: 30 });
    await shop.advanceTo(shop.nowMs + hour);
    const [mail] = await shop.mailsTo(eve);
    const { origin, pathname } = new URL(mail?.headers['list-unsubscribe']?.slice(1, -1) ?? '');
    expect(origin).toBe(shop.platform.httpUrl);
    const answer = await fetch(shop.platform.httpUrl + pathname, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'List-Unsubscribe=One-Click',
    });
    expect(answer.status).toBe(200);
    await shop.platform.advanceTo();
    const { body } = await shop.platform.get<{
      consent: Record<string, { granted: boolean; source: string }>;
    }>(`/v1/people/user_id:${eve}`);
    expect(body.consent['marketing']).toMatchObject({ granted: false, source: 'rapport' });
  }, 60_000);
});

describe('a platform that is killed around the instant at which a mail is due', () => {
  it('sends it once', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'rapport-journeys-'));
    try {
      let shop = new Shop(await startPlatform({ dataDir, virtualFrom: iso(startMs) }), startMs);
      const people = await shop.newcomers(10, 'cart_reminder');
      for (const person of people) {
        await shop.track(person, 'Product Added', { product_id: 'lamp', category: 'light', price: 30 });
      }
      // Killed while the steps are being decided, and again while what the first left behind is taken up.
      for (const [atMs, afterMs] of [
        [startMs + hour, 15],
        [startMs + hour + 1, 25],
      ] as const) {
        const moving = shop.platform.advanceTo(iso(atMs)).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        await shop.platform.kill();
        await moving;
        shop = new Shop(await startPlatform({ dataDir, virtualFrom: iso(atMs) }), atMs);
      }
      await shop.advanceTo(startMs + 2 * hour);
      let repeats = 0;
      for (const person of people) {
        const mails = await shop.mailsTo(person);
        const ids = new Set(mails.map(({ messageId }) => messageId));
        expect([person, mails[0]?.tactic, ids.size]).toEqual([person, 'cart_reminder', 1]);
        repeats += mails.length - ids.size;
      }
      // What was in flight when it was killed may come again, under the same id.
      expect(repeats).toBeLessThanOrEqual(2 * inFlightToOne);
      await shop.platform.stop();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }, 120_000);
});
