import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadPlaybook } from '@rapport/playbook';
import {
  compareLifts,
  coverageTable,
  runMonth,
  shopTermsOf,
  type MonthReport,
  type ShopTerms,
} from '@rapport/storefront';
import { repositoryRoot, startPlatform } from '@rapport/testing';

const seeds = Array.from({ length: 20 }, (_, at) => at + 1);
/** Two cores: two platforms at a time. */
const sideBySide = 2;
const people = 1_500;
const stepMs = 2 * 3_600_000;
const start = '2026-03-02T00:00:00.000Z';
const limitMs = 15 * 60_000;

let terms: ShopTerms;
const months: MonthReport[] = [];

async function month(
  seed: number,
  options: { people: number; days?: number },
): Promise<{ report: MonthReport; digest: string }> {
  const platform = await startPlatform({ virtualFrom: start });
  try {
    const report = await runMonth({
      ...platform,
      ...options,
      seed,
      stepMs,
      startMs: Date.parse(start),
      terms,
    });
    const { body } = await platform.get<{ digest: string }>('/v1/digest');
    return { report, digest: body.digest };
  } finally {
    await platform.stop();
  }
}

describe('a simulated month', () => {
  beforeAll(async () => {
    terms = shopTermsOf(await loadPlaybook(join(repositoryRoot, 'playbook')));
    const waiting = [...seeds];
    const worker = async (): Promise<void> => {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift())
        months.push((await month(seed, { people })).report);
    };
    await Promise.all(Array.from({ length: sideBySide }, worker));
    months.sort((a, b) => a.seed - b.seed);
  }, limitMs);

  it('comes through whole: every event accepted, pages decided, mails sent', () => {
    for (const { seed, events, accepted, rejected, decisions, shown, mails } of months) {
      expect({ seed, accepted, rejected: rejected.first }).toEqual({ seed, accepted: events, rejected: [] });
      expect(decisions).toBeGreaterThan(people);
      expect(shown).toBeGreaterThan(people / 5);
      expect(mails).toBeGreaterThan(people / 20);
    }
  });

  it('has the true lift of every tactic inside its reported 95 % interval in at least 18 of 20 seeds', () => {
    const rows = compareLifts(months);
    console.log(coverageTable(rows));
    expect(
      rows.filter(({ covered }) => covered < 18).map(({ tactic, covered }) => `${tactic}: ${covered}`),
    ).toEqual([]);
  });

  it('reports without bias: over all seeds the mean error stays within four standard errors', () => {
    const biased = compareLifts(months).filter(
      ({ biasInStandardErrors }) => Math.abs(biasInStandardErrors) > 4,
    );
    expect(
      biased.map(({ tactic, biasInStandardErrors }) => `${tactic}: ${biasInStandardErrors.toFixed(1)}`),
    ).toEqual([]);
  });

  it('would notice a truth that is off', () => {
    const off = compareLifts(months, ({ low, high }) => 2 * (high - low));
    expect(off.filter(({ covered }) => covered >= 18)).toEqual([]);
  });

  it('met the people that the shop met', () => {
    for (const { tactics } of months) {
      for (const { truth, reported } of tactics.filter(({ truth: { treatedPeople } }) => treatedPeople > 0)) {
        expect(reported?.treated).toBeGreaterThan(truth.treatedPeople * 0.97);
        expect(reported?.treated).toBeLessThan(truth.treatedPeople * 1.03 + 3);
      }
    }
  });
});

describe('a seed', () => {
  it(
    'gives the same month twice, to the last decision',
    async () => {
      const [first, second] = await Promise.all([
        month(77, { people: 200, days: 10 }),
        month(77, { people: 200, days: 10 }),
      ]);
      expect(first.report.decisions).toBeGreaterThan(100);
      const timeless = ({ report: { elapsedMs: _, ...report }, digest }: typeof first): object => ({
        ...report,
        digest,
      });
      expect(timeless(second)).toEqual(timeless(first));
    },
    limitMs,
  );
});
