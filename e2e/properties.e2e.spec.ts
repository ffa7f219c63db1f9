import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

/** Low, so that links are refused now and then. */
const limits: Readonly<Record<string, number>> = { user_id: 1, email: 2, anonymous_id: 2 };
const startMs = Date.parse('2026-03-10T00:00:00.000Z');
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** One call of a client; `ago` is how many minutes before the start it happened. */
interface Call {
  readonly user: number | undefined;
  readonly device: number | undefined;
  readonly email: number | undefined;
  readonly ago: number;
  readonly said: Said;
}
type Said =
  | { readonly kind: 'viewed'; readonly product: number }
  | { readonly kind: 'ordered'; readonly cents: number }
  | { readonly kind: 'named'; readonly plan: string }
  | { readonly kind: 'visited' }
  | { readonly kind: 'renamed'; readonly from: number };

const oneOf = (count: number) => fc.option(fc.integer({ min: 1, max: count }), { nil: undefined });
const said: fc.Arbitrary<Said> = fc.oneof(
  fc.record({ kind: fc.constant('viewed' as const), product: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('ordered' as const), cents: fc.integer({ min: 1, max: 99_999 }) }),
  fc.record({ kind: fc.constant('named' as const), plan: fc.constantFrom('gold', 'silver') }),
  fc.record({ kind: fc.constant('visited' as const) }),
  fc.record({ kind: fc.constant('renamed' as const), from: fc.integer({ min: 1, max: 4 }) }),
);
const call: fc.Arbitrary<Call> = fc
  .record({
    user: oneOf(3),
    device: oneOf(4),
    email: oneOf(3),
    ago: fc.constantFrom(1, 2, 3, 60, 1_440, 1_441, 4_320, 8_639, 8_640),
    said,
  })
  .filter(
    ({ user, device, said: { kind } }) => user !== undefined || (device !== undefined && kind !== 'renamed'),
  );

/** An event as it is sent, and what the oracle knows of it. */
interface Sent {
  readonly json: Readonly<Record<string, unknown>>;
  readonly ids: readonly string[];
  readonly cents: number;
  readonly atMs: number;
}

function eventOf(it: Call, run: number, index: number): Sent {
  const own = (name: string, n: number | undefined) => (n === undefined ? undefined : `r${run}-${name}${n}`);
  const [userId, anonymousId] = [own('u', it.user), own('d', it.device)];
  const email = it.email === undefined ? undefined : `${own('m', it.email)}@example.org`;
  const atMs = startMs - it.ago * minuteMs;
  const previousId = it.said.kind === 'renamed' ? own('d', it.said.from) : undefined;
  const ids = [
    ...(userId ? [`user_id:${userId}`] : []),
    ...(anonymousId && !previousId ? [`anonymous_id:${anonymousId}`] : []),
    ...(email ? [`email:${email}`] : []),
    ...(previousId ? [`anonymous_id:${previousId}`] : []),
  ];
  return {
    ids,
    atMs,
    cents: it.said.kind === 'ordered' ? it.said.cents : 0,
    json: {
      ...body(it.said),
      messageId: `r${run}-${index}`,
      timestamp: new Date(atMs).toISOString(),
      ...(userId ? { userId } : {}),
      ...(anonymousId && !previousId ? { anonymousId } : {}),
      ...(previousId ? { previousId } : {}),
      context: email ? { traits: { email } } : {},
    },
  };
}

function body(it: Said): object {
  switch (it.kind) {
    case 'viewed':
      return {
        type: 'track',
        event: 'Product Viewed',
        properties: { product_id: `p${it.product}`, price: 5 },
      };
    case 'ordered':
      return {
        type: 'track',
        event: 'Order Completed',
        properties: { order_id: 'o', revenue: it.cents / 100 },
      };
    case 'named':
      return { type: 'identify', traits: { plan: it.plan } };
    case 'visited':
      return { type: 'page', name: 'Home' };
    case 'renamed':
      return { type: 'alias' };
  }
}

const pairKey = (x: string, y: string): string => [x, y].sort().join(' ');
const rankOf = (id: string): number => ({ user_id: 0, email: 1 })[id.split(':')[0] ?? ''] ?? 3;

/** Who is who, and what they bought, worked out the slow way from what was sent. */
function oracle(events: readonly Sent[]): { ids: string[]; orders: number; revenue: number }[] {
  const ids = [...new Set(events.flatMap((event) => event.ids))];
  const firsts = new Map<string, number>();
  for (const {
    ids: [origin = '', ...others],
    atMs,
  } of events) {
    for (const id of others) {
      const key = pairKey(origin, id);
      firsts.set(key, Math.min(firsts.get(key) ?? Infinity, atMs));
    }
  }
  const weakness = (key: string): number => {
    const [one = 0, other = 0] = key.split(' ').map(rankOf);
    return Math.max(one, other) * 10 + Math.min(one, other);
  };
  const links = [...firsts].sort(
    ([x, xMs], [y, yMs]) => xMs - yMs || weakness(x) - weakness(y) || (x < y ? -1 : 1),
  );
  const label = new Map(ids.map((id) => [id, id]));
  for (const [key] of links) {
    const [a, b] = key.split(' ').map((id) => label.get(id) ?? id);
    const together = ids.filter((id) => label.get(id) === a || label.get(id) === b);
    const types = together.map((id) => id.split(':')[0] ?? '');
    if (types.some((type) => types.filter((it) => it === type).length > (limits[type] ?? 5))) continue;
    for (const id of together) label.set(id, a ?? id);
  }
  return [...new Set(label.values())].map((it) => {
    const members = ids.filter((id) => label.get(id) === it).sort();
    const bought = events.filter(({ ids: [origin = ''], cents }) => cents > 0 && members.includes(origin));
    return {
      ids: members,
      orders: bought.length,
      revenue: bought.reduce((sum, { cents }) => sum + cents, 0) / 100,
    };
  });
}

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-properties-'));
const playbookDir = join(folder, 'playbook');
/** One platform is sent everything once and in order, the other in whatever way a test thinks of. */
let plain: TestPlatform;
let tried: TestPlatform;
let run = 0;
let nowMs = startMs;

const start = (name: string): Promise<TestPlatform> =>
  startPlatform({ dataDir: join(folder, name), playbookDir, virtualFrom: new Date(nowMs).toISOString() });

beforeAll(async () => {
  cpSync(join(repositoryRoot, 'playbook'), playbookDir, { recursive: true });
  const limitLines = Object.entries(limits).map(([type, limit]) => `  ${type}: ${limit}`);
  writeFileSync(join(playbookDir, 'identity.yaml'), `limits:\n${limitLines.join('\n')}\n`);
  for (const part of ['tactics', 'journeys']) writeFileSync(join(playbookDir, `${part}.yaml`), '[]\n');
  [plain, tried] = await Promise.all([start('plain'), start('tried')]);
});
afterAll(async () => {
  await Promise.all([plain, tried].map((platform) => platform?.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function send(platform: TestPlatform, events: readonly Sent[], batchSize = 100): Promise<void> {
  for (let at = 0; at < events.length; at += batchSize) {
    const batch = events.slice(at, at + batchSize).map(({ json }) => json);
    const { body: answer } = await platform.send(batch);
    expect(answer.results.filter(({ accepted }) => !accepted)).toEqual([]);
  }
}

async function digestOf(platform: TestPlatform): Promise<unknown> {
  await platform.advanceTo();
  return (await platform.get(`/v1/digest?at=${new Date(nowMs).toISOString()}`)).body;
}

interface PersonAnswer {
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly computedTraits: Readonly<Record<string, number | null>>;
}

/** Both platforms know the same people, and those of this run are the oracle's. */
async function expectSame(events: readonly Sent[]): Promise<void> {
  expect(await digestOf(tried)).toEqual(await digestOf(plain));
  await Promise.all(
    oracle(events).map(async ({ ids, orders, revenue }) => {
      const { body: person } = await tried.get<PersonAnswer>(
        `/v1/people/${encodeURIComponent(ids[0] ?? '')}`,
      );
      expect(person.identifiers.map(({ type, value }) => `${type}:${value}`).sort()).toEqual(ids);
      expect(person.computedTraits['orders_count'] ?? 0).toBe(orders);
      expect(person.computedTraits['revenue_total'] ?? 0).toBeCloseTo(revenue, 9);
    }),
  );
}

/** A seeded order. */
function shuffled<T>(items: readonly T[], keys: Iterator<number>): T[] {
  return items
    .map((item) => ({ item, key: keys.next().value as number }))
    .sort((x, y) => x.key - y.key)
    .map(({ item }) => item);
}

const calls = fc.array(call, { minLength: 1, maxLength: 25 });
const draws = () => fc.infiniteStream(fc.nat(999_999));
// What a run leaves behind stays on both platforms, so a failure is not made smaller.
const settings = (numRuns: number) => ({ numRuns, endOnFailure: true });

describe('the same events lead to the same people', () => {
  it('in any order of arrival, in any batches, however often they are sent', async () => {
    await fc.assert(
      fc.asyncProperty(calls, draws(), fc.integer({ min: 1, max: 9 }), async (drawn, keys, batchSize) => {
        run++;
        const events = drawn.map((it, index) => eventOf(it, run, index));
        await send(plain, events);
        const again = events.filter(() => (keys.next().value as number) % 3 === 0);
        await send(tried, shuffled([...events, ...again], keys), batchSize);
        await expectSame(events);
        await send(tried, events);
        await expectSame(events);
      }),
      settings(25),
    );
  });

  it('with merges by an operator that are taken back again', async () => {
    await fc.assert(
      fc.asyncProperty(calls, draws(), fc.nat(25), fc.nat(25), async (drawn, keys, linkAt, unlinkAfter) => {
        run++;
        const events = drawn.map((it, index) => eventOf(it, run, index));
        await send(plain, events);
        const before = events.slice(0, linkAt);
        await send(tried, before);
        await tried.advanceTo();
        const seen = new Set(
          events.flatMap(({ ids: [origin = '', ...others] }) => others.map((id) => pairKey(origin, id))),
        );
        const known = [...new Set(before.flatMap(({ ids }) => ids))];
        const linked: { from: string; to: string }[] = [];
        for (const [from, to] of [shuffled(known, keys), shuffled(known, keys)]) {
          if (from === undefined || to === undefined || from === to || seen.has(pairKey(from, to))) continue;
          const { status } = await tried.post('/v1/identity/link', { from, to, reason: 'property' });
          expect([200, 409]).toContain(status);
          if (status === 200) linked.push({ from, to });
        }
        await send(tried, events.slice(linkAt, linkAt + unlinkAfter));
        for (const pair of linked) {
          const { status, body: answer } = await tried.post('/v1/identity/unlink', pair);
          expect([status, answer]).toEqual([200, expect.anything()]);
        }
        await send(tried, events.slice(linkAt + unlinkAfter));
        await expectSame(events);
      }),
      settings(25),
    );
  });

  it('when the platform is killed in the middle and started again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 20, maxLength: 60 }), draws(), async (drawn, keys) => {
        run++;
        const events = drawn.map((it, index) => eventOf(it, run, index));
        await send(plain, events);
        await send(tried, shuffled(events, keys), 10);
        await tried.kill();
        tried = await start('tried');
        await expectSame(events);
      }),
      settings(2),
    );
  });

  it('and go on doing so as time passes', async () => {
    for (const days of [1, 2, 4, 30]) {
      nowMs = startMs + days * dayMs;
      const iso = new Date(nowMs).toISOString();
      await Promise.all([plain.advanceTo(iso), tried.advanceTo(iso)]);
      expect(await digestOf(tried)).toEqual(await digestOf(plain));
    }
  });
});
