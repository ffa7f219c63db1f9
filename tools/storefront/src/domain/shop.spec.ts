import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bucketOf } from '@rapport/kernel';
import { dayMs, monthMs, type AskAct } from './acts.js';
import type { Answer, ShownTactic } from './answers.js';
import { Shop, type ShopOptions } from './shop.js';
import type { ShopEvent } from './shop-events.js';

const startMs = Date.parse('2026-03-02T00:00:00Z');
const stepMs = 3_600_000;
const holdout = 0.3;

const tactic = (name: string, onSite: boolean, metric: 'count' | 'sum' = 'count'): ShownTactic => ({
  name,
  onSite,
  goal: {
    event: 'Order Completed',
    metric,
    ...(metric === 'sum' ? { property: 'revenue' } : {}),
    withinMs: 7 * dayMs,
  },
});
const tactics = [
  tactic('clearance_welcome', true),
  tactic('category_picks', true, 'sum'),
  tactic('reminder', false),
];

/** Stands in for the platform: the banner to some people, the picks to the rest, both with a holdout. */
function answerTo(ask: AskAct): Answer {
  const who = `${ask.caller.person.index}`;
  const isHeld = (name: string): boolean => bucketOf(`holdout:${name}`, who) < holdout;
  const inLine = (ask.page === 'home' ? ['clearance_welcome', 'category_picks'] : ['category_picks']).filter(
    (name) => !isHeld(name),
  );
  return {
    decisionId: `${who}-${ask.atMs}`,
    chosen: inLine[0] === undefined ? null : { tactic: inLine[0], variant: 'a' },
    candidates: (ask.page === 'home' ? ['clearance_welcome', 'category_picks'] : ['category_picks']).map(
      (name) => ({
        tactic: name,
        outcome: isHeld(name) ? 'holdout' : name === inLine[0] ? 'chosen' : 'outranked',
      }),
    ),
  };
}

interface Lived {
  readonly events: readonly ShopEvent[];
  readonly shop: Shop;
  readonly asks: number;
}

function live(
  options: Partial<ShopOptions> & { seed: number },
  days: number,
  reply: (ask: AskAct) => Answer = answerTo,
): Lived {
  const shop = new Shop({ people: 60, products: 80, startMs, run: `s${options.seed}`, tactics, ...options });
  const events = shop.history();
  let asks = 0;
  for (let nowMs = startMs + stepMs; nowMs <= startMs + days * dayMs; nowMs += stepMs) {
    for (const act of shop.until(nowMs)) {
      if (act.kind === 'call') events.push(shop.say(act, act.atMs));
      else {
        asks++;
        shop.answered(act, reply(act), nowMs);
      }
    }
    if (nowMs % dayMs === 0) {
      for (const person of shop.people.filter((one) => one.index % 9 === 0)) {
        shop.mailed({ id: `${person.index}-${nowMs}`, to: person.email, tactic: 'reminder', atMs: nowMs });
      }
    }
  }
  return { events, shop, asks };
}

const digest = (events: readonly ShopEvent[]): string =>
  createHash('sha256')
    .update(events.map((event) => JSON.stringify(event)).join('\n'))
    .digest('hex');

describe('the shop', () => {
  it('lives the same life from the same seed and the same answers, byte for byte', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 2, max: 12 }), (seed, days) => {
        expect(digest(live({ seed }, days).events)).toBe(digest(live({ seed }, days).events));
      }),
      { numRuns: 8 },
    );
  });

  it('lives another life from another seed', () => {
    expect(digest(live({ seed: 1 }, 5).events)).not.toBe(digest(live({ seed: 2 }, 5).events));
  });

  it('never gives two events one id', () => {
    const { events } = live({ seed: 7 }, 35);
    expect(new Set(events.map((event) => event.messageId)).size).toBe(events.length);
    expect(Math.max(...events.map((event) => event.messageId.length))).toBeLessThanOrEqual(100);
  });

  it('keeps what people do of their own accord, whatever they are shown', () => {
    const own = (events: readonly ShopEvent[]): string[] =>
      events
        .filter((event) => /^(s\d+|past\d+)-\d+-\d+(-\d+)?$/.test(event.messageId))
        .map((event) => JSON.stringify(event));
    const shown = live({ seed: 11 }, 30);
    const unshown = live({ seed: 11 }, 30, (ask) => ({ ...answerTo(ask), chosen: null, candidates: [] }));
    expect(shown.events.length).toBeGreaterThan(unshown.events.length);
    // Mails may end consent, which is not behaviour.
    const withoutConsent = (lines: string[]): string[] =>
      lines.map((line) => line.replace(/"consent":\{.*?\}\}/, ''));
    expect(withoutConsent(own(shown.events))).toEqual(withoutConsent(own(unshown.events)));
  });

  it('has an event of every kind, in order of time within a step, and people of every consent', () => {
    const { events, shop } = live({ seed: 3, people: 300 }, 30);
    const names = new Set(events.map((event) => event.event ?? event.type));
    for (const name of [
      'identify',
      'page',
      'Product List Viewed',
      'Product Viewed',
      'Product Added',
      'Cart Viewed',
      'Checkout Started',
      'Order Completed',
      'Order Refunded',
      'Signed Up',
    ]) {
      expect(names).toContain(name);
    }
    expect(new Set(shop.people.map((person) => person.marketing)).size).toBe(3);
    const afterHistory = events
      .filter((event) => !event.messageId.startsWith('past'))
      .map((event) => Date.parse(event.timestamp));
    const late = afterHistory.filter((atMs, at) => at > 0 && atMs < (afterHistory[at - 1] ?? 0) - stepMs);
    expect(late).toEqual([]);
  });

  it('goes on in the months after the first, with ids of their own', () => {
    const shop = new Shop({ seed: 5, people: 50, products: 80, startMs, run: 'long', tactics });
    const first = shop.until(startMs + monthMs - 1).length;
    const second = shop.until(startMs + 2 * monthMs - 1).length;
    expect(second).toBeGreaterThan(first / 3);
  });
});

describe('the true lift', () => {
  it('is what a large experiment measures, also where one tactic takes the place of another', () => {
    const met = new Map<string, { atMs: number; held: boolean }>();
    const { events, shop } = live({ seed: 21, people: 2_500 }, 30, (ask) => {
      const answer = answerTo(ask);
      for (const { tactic: name, outcome } of answer.candidates) {
        const key = `${name} ${ask.caller.person.index}`;
        const atMs = Math.ceil(ask.atMs / stepMs) * stepMs;
        if (!met.has(key)) met.set(key, { atMs, held: outcome === 'holdout' });
      }
      return answer;
    });
    for (const wanted of tactics.filter(({ onSite }) => onSite)) {
      const truth = shop.truth.lifts().find((lift) => lift.tactic === wanted.name);
      const measured = measure(wanted, events, shop, met);
      expect(Math.abs((truth?.lift ?? 0) - measured.lift)).toBeLessThan(3.3 * measured.standardError);
      // The comparison has teeth: a truth that forgot the effect is out of reach.
      expect(measured.lift).toBeGreaterThan(3.5 * measured.standardError);
    }
  });

  it('takes no account of people that it never met', () => {
    const { shop } = live({ seed: 4 }, 3);
    expect(shop.truth.lifts(() => 1_000).find((lift) => lift.tactic === 'reminder')?.lift).toBeLessThan(0.05);
  });
});

/** An analyst's reading of the same events: the difference of means between the arms, and its standard error. */
function measure(
  { name, goal }: ShownTactic,
  events: readonly ShopEvent[],
  shop: Shop,
  met: ReadonlyMap<string, { readonly atMs: number; readonly held: boolean }>,
): { lift: number; standardError: number } {
  const first = new Map(
    shop.people.flatMap(({ index }) => {
      const meeting = met.get(`${name} ${index}`);
      return meeting === undefined ? [] : [[index, meeting] as const];
    }),
  );
  const personOf = new Map(
    shop.people.flatMap((person) => person.devices.map((device) => [device, person.index] as const)),
  );
  const goals = new Map<number, number>();
  for (const event of events) {
    const person = personOf.get(event.anonymousId ?? '') ?? -1;
    const meeting = first.get(person);
    const atMs = Date.parse(event.timestamp);
    if (
      event.event !== 'Order Completed' ||
      meeting === undefined ||
      atMs <= meeting.atMs ||
      atMs > meeting.atMs + 7 * dayMs
    )
      continue;
    const worth = goal.metric === 'sum' ? Number(event.properties?.['revenue']) : 1;
    goals.set(person, (goals.get(person) ?? 0) + worth);
  }
  const arm = (held: boolean): { mean: number; variance: number } => {
    const values = [...first]
      .filter(([, meeting]) => meeting.held === held)
      .map(([person]) => goals.get(person) ?? 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      mean,
      variance:
        values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length,
    };
  };
  const [treated, heldOut] = [arm(false), arm(true)];
  return { lift: treated.mean - heldOut.mean, standardError: Math.sqrt(treated.variance + heldOut.variance) };
}
