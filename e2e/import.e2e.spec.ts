import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { seededRandom } from '@rapport/kernel';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { ImportProcess, type ImportReport } from './online-retail/import-process.js';
import { writePlaybookWithJourney } from './online-retail/playbook-with-journey.js';
import { computeReference, onlineRetailFile, type Reference } from './online-retail/reference.js';
import { startWebhookReceiver, type WebhookReceiver } from './online-retail/webhook-receiver.js';

/** The instant of every digest: after everything, so that nothing is about to happen. */
const digestAt = '2026-11-20T00:00:00.000Z';
const startsAt = '2026-11-01T00:00:00.000Z';
const kills = 10;
const seed = 20261122;

const file = onlineRetailFile();
const whenPresent = file === undefined ? describe.skip : describe;
const say = (text: string): void => void process.stdout.write(`    ${text}\n`);

interface PersonAnswer {
  readonly computedTraits: Readonly<Record<string, number | null>>;
}

whenPresent(`Online Retail, whole${file === undefined ? ' (skipped: data not present)' : ''}`, () => {
  let folder = '';
  let receiver: WebhookReceiver;
  let reference: Reference;
  /** What the uninterrupted import came to. */
  let undisturbed: { digest: string; sendSeconds: number; messages: Map<string, number> };

  const launch = (name: string, httpPort = 0): Promise<TestPlatform> =>
    startPlatform({
      dataDir: join(folder, name),
      playbookDir: join(folder, 'playbook'),
      virtualFrom: startsAt,
      environment: { RAPPORT_HTTP_PORT: String(httpPort), RAPPORT_LOG_LEVEL: 'error' },
    });
  const importInto = (platform: TestPlatform): ImportProcess =>
    new ImportProcess(file ?? '', platform.httpUrl, platform.apiToken, join(folder, 'progress'));
  const digestOf = async (platform: TestPlatform): Promise<string> => {
    const { status, body } = await platform.get<{ digest: string }>(`/v1/digest?at=${digestAt}`);
    expect(status).toBe(200);
    return body.digest;
  };
  const messagesByPerson = (): Map<string, number> =>
    new Map([...receiver.messages].map(([person, ids]) => [person, ids.size]));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-online-retail-'));
    receiver = await startWebhookReceiver();
    await writePlaybookWithJourney(join(folder, 'playbook'), receiver.url);
    reference = computeReference(file ?? '');
  }, 120_000);
  afterAll(async () => {
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('accounts for every line, equals an independent computation for every customer, and changes nothing the second time', async () => {
    const platform = await launch('undisturbed');
    try {
      const report = await importInto(platform).report();
      expectEveryLine(report, reference);
      await settle(platform);
      await compareCustomers(platform, reference);
      const digest = await digestOf(platform);
      const messages = messagesByPerson();
      expect(messages.size).toBe(reference.peopleWithLargeOrder.length);
      undisturbed = { digest, sendSeconds: report.sendSeconds, messages };
      say(
        `${report.events} events acknowledged in ${report.sendSeconds.toFixed(1)} s; ${Object.keys(reference.customers).length} customers equal; digest ${digest.slice(0, 16)}; ${messages.size} messages`,
      );

      const again = await importInto(platform).report();
      expectEveryLine(again, reference);
      await settle(platform);
      expect(await digestOf(platform)).toBe(digest);
      expect(messagesByPerson()).toEqual(messages);
    } finally {
      await platform.stop();
    }
  }, 900_000);

  it(`comes to the same after kill -9 at ${kills} random moments (seed ${seed})`, async () => {
    receiver.clear();
    const random = seededRandom(seed);
    const port = await freePort();
    let platform = await launch('killed', port);
    let running = importInto(platform);
    const moments: string[] = [];
    try {
      for (let kill = 0; kill < kills; kill++) {
        // Spread over the import: a tenth of its length each, so that the last kills come while it is worked in.
        await wait(200 + random() * undisturbed.sendSeconds * 120);
        if (random() < 0.3 && running.running) {
          await running.kill();
          running = importInto(platform);
          moments.push('import');
        } else {
          await platform.kill();
          platform = await launch('killed', port);
          moments.push('platform');
        }
        if (!running.running) running = importInto(platform);
      }
      expectEveryLine(await running.report(), reference);
      await settle(platform);
      expect(await digestOf(platform)).toBe(undisturbed.digest);
      expect(messagesByPerson()).toEqual(undisturbed.messages);
      const found = await countTimelines(platform, reference);
      say(
        `killed: ${moments.join(', ')}; ${found.events} events in ${found.people} timelines; digest equal; no message twice`,
      );
    } finally {
      await running.kill();
      await platform.stop();
    }
  }, 900_000);
});

function expectEveryLine(report: ImportReport, reference: Reference): void {
  expect(report).toMatchObject({
    balanced: true,
    linesRead: reference.lines,
    linesUsed: 539_798,
    linesRefused: 2_111,
    events: 23_799,
  });
  expect(report.refused.filter(({ what }) => what.startsWith('the platform'))).toEqual([]);
}

/** Works everything in, and lets a virtual day pass so that deliveries that failed in a crash are tried again. */
async function settle(platform: TestPlatform): Promise<void> {
  await platform.advanceTo();
  await platform.advanceTo('2026-11-02T00:00:00.000Z');
}

async function compareCustomers(platform: TestPlatform, reference: Reference): Promise<void> {
  const customers = Object.entries(reference.customers);
  expect(customers).toHaveLength(4_372);
  const wrong: string[] = [];
  await inTurns(customers, async ([customer, expected]) => {
    const { status, body } = await platform.get<PersonAnswer>(`/v1/people/user_id:${customer}`);
    const {
      orders_count: orders,
      revenue_total: revenue,
      refunds_count: refunds,
      refunds_total: refunded,
    } = body.computedTraits ?? {};
    const found = [status, orders ?? 0, revenue ?? 0, refunds ?? 0, refunded ?? 0];
    const wanted = [
      200,
      expected.orders,
      Number(expected.revenue),
      expected.refunds,
      Number(expected.refunded),
    ];
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      wrong.push(`${customer}: ${found.join(' ')} instead of ${wanted.join(' ')}`);
  });
  expect(wrong).toEqual([]);
}

/** Every event of the file is in exactly one timeline: as many as the customer has invoices, each once. */
async function countTimelines(
  platform: TestPlatform,
  reference: Reference,
): Promise<{ people: number; events: number }> {
  const seen = new Set<string>();
  let doubled = 0;
  const customers = Object.entries(reference.customers);
  await inTurns(customers, async ([customer, { orders, refunds }]) => {
    let cursor: string | undefined = '';
    let own = 0;
    while (cursor !== undefined) {
      const page: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await platform.get<{ events: { messageId: string }[]; nextCursor?: string | null }>(
        `/v1/people/user_id:${customer}/timeline?limit=500${page}`,
      );
      // What the platform itself says of a person (a message sent, say) stands there too.
      for (const { messageId } of body.events.filter((event) =>
        event.messageId.startsWith('online-retail:'),
      )) {
        own++;
        if (seen.has(messageId)) doubled++;
        seen.add(messageId);
      }
      cursor = body.nextCursor ? body.nextCursor : undefined;
    }
    if (own !== orders + refunds)
      throw new Error(
        `user_id:${customer}: ${own} events in the timeline, ${orders + refunds} invoices in the file`,
      );
  });
  expect(doubled).toBe(0);
  return { people: customers.length, events: seen.size };
}

/** Eight at a time. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
