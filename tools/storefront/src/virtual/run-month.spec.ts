import { describe, expect, it } from '@jest/globals';
import type { ShopTerms } from '../domain/playbook-terms.js';
import { startStandIn, type StandIn } from '../doors/stand-in.js';
import { pause } from '../doors/platform-door.js';
import { startDemoShop, type ShownDecision } from '../live/demo-shop.js';
import { runMonth, type MonthReport } from './run-month.js';

const terms: ShopTerms = {
  tactics: [
    {
      name: 'third_look',
      onSite: true,
      goal: { event: 'Order Completed', metric: 'count', withinMs: 7 * 86_400_000 },
    },
  ],
  purposes: ['email_marketing'],
  placements: { home: ['home_hero'], product: ['product_page'], cart: [] },
};
const startMs = Date.parse('2026-03-02T00:00:00Z');

async function live(busyEvery?: number): Promise<{ report: MonthReport; platform: StandIn }> {
  const platform = await startStandIn('third_look', busyEvery);
  const report = await runMonth({
    httpUrl: platform.httpUrl,
    writeKey: 'k',
    apiToken: 't',
    seed: 3,
    people: 60,
    products: 60,
    days: 6,
    startMs,
    terms,
  });
  await platform.close();
  return { report, platform };
}

describe('a month in virtual time', () => {
  it('sends the same bytes on every run, in order of time within a step, and counts what it sent', async () => {
    const [first, second] = [await live(), await live()];
    expect(first.platform.digest()).toBe(second.platform.digest());
    expect(first.report.events).toBe(first.platform.events.length);
    expect(first.report.decisions).toBe(first.platform.decisions.length);
    expect(first.report.shown).toBe(first.report.decisions);
    expect(first.platform.decisions.some((decision) => decision.startsWith('user_id:'))).toBe(true);
    expect(first.platform.decisions.some((decision) => decision.startsWith('anonymous_id:'))).toBe(true);
    expect(first.report.tactics[0]?.truth.lift).toBeGreaterThan(0.05);
  });

  it('waits for an overloaded platform and loses nothing', async () => {
    const { report, platform } = await live(30);
    expect(new Set(platform.events.map(({ messageId }) => messageId)).size).toBe(report.accepted);
  });
});

describe('the demo shop', () => {
  it('tells the past once, keeps near its rate and stops when told to', async () => {
    const platform = await startStandIn('third_look');
    const closing = new AbortController();
    const seen: ShownDecision[] = [];
    const began = performance.now();
    const running = startDemoShop({
      httpUrl: platform.httpUrl,
      writeKey: 'k',
      apiToken: 't',
      terms,
      people: 300,
      ratePerSecond: 200,
      signal: closing.signal,
      onDecision: (decision) => void seen.push(decision),
    });
    const isPast = ({ messageId }: { readonly messageId: string }): boolean => messageId.startsWith('past');
    for (
      let waits = 0;
      (seen.length < 12 || platform.events.filter((event) => !isPast(event)).length < 110) && waits < 600;
      waits++
    )
      await pause(50);
    closing.abort();
    await running;
    const present = platform.events.filter((event) => !isPast(event));
    await platform.close();
    expect(platform.events.length - present.length).toBeGreaterThan(100);
    expect(present.length).toBeGreaterThan(100);
    // Not all at once: 200 a second, while the test looks 20 times a second.
    expect(present.length).toBeLessThan((200 * (performance.now() - began)) / 1_000 + 300);
    expect(Math.abs(Date.parse(present.at(-1)?.timestamp ?? '') - Date.now())).toBeLessThan(10_000);
    expect(seen.length).toBeGreaterThan(10);
  });
});
