import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { modelsProto } from '@rapport/contracts';
import { createCalls } from '@rapport/service-host';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.parse('2026-03-01T00:00:00.000Z');
const at = (ms: number): string => new Date(start + ms).toISOString();

type Call = Readonly<Record<string, unknown>>;
const track = (event: string, properties: Call = {}): Call => ({ type: 'track', event, properties });
const viewed = (product: string, category = 'lamps'): Call =>
  track('Product Viewed', { product_id: product, category, price: 20 });
const ordered = (revenue: number): Call =>
  track('Order Completed', {
    order_id: 'o',
    revenue,
    total: revenue,
    products: [{ product_id: 'lamp-1', quantity: 1, price: revenue }],
  });
const clearance: Call = { type: 'page', name: 'Clearance', context: { page: { path: '/clearance' } } };

describe('the sample playbook on a platform in virtual time', () => {
  let platform: TestPlatform;
  let nowMs = 0;

  beforeAll(async () => {
    platform = await startPlatform({ virtualFrom: at(0) });
  });
  afterAll(async () => platform.stop());

  /** Stories run one after the other on the same clock; each has people of its own. */
  const advance = async (ms: number): Promise<void> => {
    nowMs += ms;
    await platform.advanceTo(at(nowMs));
  };
  const send = async (person: string, ...calls: readonly Call[]): Promise<void> => {
    const batch = calls.map((call) => ({ userId: person, timestamp: at(nowMs), ...call }));
    const { status, body } = await platform.send(batch);
    expect([status, body.results.filter(({ accepted }) => !accepted)]).toEqual([200, []]);
    await platform.advanceTo();
  };
  const allSegmentsOf = async (person: string): Promise<string[]> => {
    const { body } = await platform.get<{ segments: { name: string }[] }>(`/v1/people/user_id:${person}`);
    return body.segments.map(({ name }) => name);
  };
  /** Without the one that the model decides, which has a test of its own. */
  const segmentsOf = async (person: string): Promise<string[]> =>
    (await allSegmentsOf(person)).filter((name) => name !== 'likely_to_buy');
  const mailsTo = async (addresses: readonly string[]): Promise<string[]> => {
    const { body } = await platform.get<{ messages: { channel: string; tactic: string; to: string }[] }>(
      '/v1/mail?limit=500',
    );
    return body.messages.filter(({ to }) => addresses.includes(to)).map(({ tactic }) => tactic);
  };

  it('keen_on_a_product: from the third view of one product until the first is seven days old, or a purchase', async () => {
    await send('keen', viewed('lamp-1'));
    const firstMs = nowMs;
    await advance(day);
    await send('keen', viewed('lamp-1'), viewed('lamp-2'));
    expect(await segmentsOf('keen')).toEqual([]);
    await advance(day);
    await send('keen', viewed('lamp-1'));
    await send('keen2', viewed('lamp-1'), viewed('lamp-1'), viewed('lamp-1'));
    expect(await segmentsOf('keen')).toEqual(['keen_on_a_product']);
    await send('keen2', ordered(20));
    expect(await segmentsOf('keen2')).toEqual([]);
    await advance(firstMs + 7 * day - 1 - nowMs);
    expect(await segmentsOf('keen')).toEqual(['keen_on_a_product']);
    await advance(1);
    expect(await segmentsOf('keen')).toEqual([]);
  });

  it('new_on_clearance: a newcomer on a clearance page, until a week has passed', async () => {
    await send('fresh', clearance);
    expect(await segmentsOf('fresh')).toEqual(['new_on_clearance']);
    await advance(7 * day - 1);
    expect(await segmentsOf('fresh')).toEqual(['new_on_clearance']);
    await advance(1);
    expect(await segmentsOf('fresh')).toEqual([]);
    await send('fresh', clearance);
    expect(await segmentsOf('fresh')).toEqual([]);
  });

  it('cart_left: a day from the last product added, and never after a purchase', async () => {
    await send('carter', track('Product Added', { product_id: 'lamp-1', price: 20 }));
    expect(await segmentsOf('carter')).toEqual(['cart_left']);
    await advance(day - 1);
    expect(await segmentsOf('carter')).toEqual(['cart_left']);
    await advance(1);
    expect(await segmentsOf('carter')).toEqual([]);
    await send('carter', track('Product Added', { product_id: 'lamp-1', price: 20 }));
    await send('carter', ordered(20));
    expect(await segmentsOf('carter')).toEqual([]);
  });

  it('category_fan: five views in one category, of whichever products', async () => {
    await send('fan', ...['a', 'b', 'c', 'd'].map((product) => viewed(product)), viewed('x', 'rugs'));
    expect(await segmentsOf('fan')).toEqual([]);
    await send('fan', viewed('e'));
    expect(await segmentsOf('fan')).toEqual(['category_fan']);
  });

  it('discount_hunter and big_spender: the one until the other', async () => {
    await send(
      'hunter',
      track('Coupon Applied', { coupon_name: 'A' }),
      track('Coupon Applied', { coupon_name: 'B' }),
    );
    expect(await segmentsOf('hunter')).toEqual(['discount_hunter']);
    await send('hunter', ordered(499.99));
    expect(await segmentsOf('hunter')).toEqual(['discount_hunter']);
    await send('hunter', ordered(0.01));
    expect(await segmentsOf('hunter')).toEqual(['big_spender']);
  });

  it('says in the status how many people there are', async () => {
    const people = async (): Promise<number> =>
      (await platform.get<{ people: number }>('/v1/status')).body.people;
    const before = await people();
    await send('counted1', viewed('lamp-1'));
    await send('counted2', viewed('lamp-1'));
    expect(before).toBeGreaterThan(0);
    expect(await people()).toBe(before + 2);
  });

  it('likely_to_buy: exactly those whom the model gives 0.2 or more', async () => {
    const people = Array.from({ length: 12 }, (_, index) => `shopper${index}`);
    for (const [index, person] of people.entries()) {
      const views = Array.from({ length: index }, (_view, view) => viewed(`thing-${view}`));
      const adds = Array.from({ length: index % 4 }, (_add, add) =>
        track('Product Added', { product_id: `thing-${add}`, price: 20 }),
      );
      const orders = Array.from({ length: index % 3 }, () => ordered(30 * index));
      await send(person, { type: 'page', name: 'Home' }, ...orders, ...views, ...adds);
    }
    const calls = createCalls({ addressOf: () => platform.grpcAddress, apiToken: platform.apiToken });
    try {
      const models = calls.to<modelsProto.ModelsService>(modelsProto.ModelsServiceDefinition);
      const persons = people.map((person) => `user_id:${person}`);
      const { scores } = await models.score({ model: 'propensity', version: '', persons, rows: [] });
      const likely = scores.map((score) => score >= 0.2);
      const members = await Promise.all(
        people.map(async (person) => (await allSegmentsOf(person)).includes('likely_to_buy')),
      );
      expect(members).toEqual(likely);
      expect(new Set(likely)).toEqual(new Set([true, false]));
    } finally {
      calls.close();
    }
  });

  it('loyal_and_away: sixty days after the third purchase to the millisecond, and then a mail with a selection', async () => {
    const people = Array.from({ length: 8 }, (_, index) => `loyal${index}`);
    const addresses = people.map((person) => `${person}@example.com`);
    for (const [index, person] of people.entries()) {
      await send(
        person,
        {
          type: 'identify',
          traits: { email: addresses[index], firstName: 'Lo' },
          context: { consent: { categoryPreferences: { marketing: true } } },
        },
        ordered(20),
        ordered(30),
        ordered(40),
      );
    }
    await advance(60 * day - 1);
    for (const person of people) expect(await segmentsOf(person)).toEqual([]);
    await advance(1);
    for (const person of people) expect(await segmentsOf(person)).toEqual(['loyal_and_away']);
    const mails = await mailsTo(addresses);
    // One in ten is held out, by a hash of the person: among eight there is somebody who is not.
    expect(mails.length).toBeGreaterThan(0);
    expect(new Set(mails)).toEqual(new Set(['come_back']));
  });

  it('cart_abandoned: a mail an hour later, unless it was bought meanwhile', async () => {
    const people = Array.from({ length: 8 }, (_, index) => `leaver${index}`);
    const identify = (person: string): Call => ({
      type: 'identify',
      traits: { email: `${person}@example.com` },
      context: { consent: { categoryPreferences: { marketing: true } } },
    });
    for (const person of people)
      await send(person, identify(person), track('Product Added', { product_id: 'lamp-1', price: 20 }));
    await send('buyer', identify('buyer'), track('Product Added', { product_id: 'lamp-1', price: 20 }));
    await advance(hour - 1);
    const addresses = people.map((person) => `${person}@example.com`);
    expect(await mailsTo(addresses)).toEqual([]);
    await send('buyer', ordered(20));
    await advance(1);
    const mails = await mailsTo(addresses);
    expect(mails.length).toBeGreaterThan(0);
    expect(new Set(mails)).toEqual(new Set(['cart_reminder']));
    expect(await mailsTo(['buyer@example.com'])).toEqual([]);
  });
});

describe('a playbook with mistakes', () => {
  it('does not start a platform, and both the platform and the command line tell all of them', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'rapport-playbook-'));
    try {
      await cp(join(repositoryRoot, 'playbook'), dir, { recursive: true });
      const edit = async (name: string, from: string, to: string): Promise<void> => {
        const text = await readFile(join(dir, name), 'utf8');
        expect(text).toContain(from);
        await writeFile(join(dir, name), text.replace(from, to));
      };
      await edit('segments.yaml', 'within: 60d', 'within: 60 days');
      await edit('tactics.yaml', 'segment: category_fan', 'segment: categry_fan');
      await edit('journeys.yaml', 'send: come_back', 'sent: come_back');
      const mistakes = [
        'expected a duration with a unit (ms, s, m, h, d, w), for example 30s or 7d; came "60 days"',
        'unknown segment "categry_fan". Did you mean "category_fan"?',
        'unknown key "sent". Did you mean "send"?',
      ];
      const failure = await startPlatform({ playbookDir: dir }).then(
        async (platform) => {
          await platform.stop();
          return 'it started';
        },
        (thrown: unknown) => String(thrown),
      );
      for (const mistake of mistakes) expect(failure).toContain(mistake);
      const check = spawnSync(
        process.execPath,
        [join(repositoryRoot, 'tools/bin/rapport.mjs'), 'playbook', 'check', dir],
        { encoding: 'utf8' },
      );
      expect(check.status).toBe(1);
      for (const mistake of mistakes) expect(check.stdout).toContain(mistake);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
