import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

/** Two cores: two platforms at a time. */
const sideBySide = 2;
const people = 800;
/** The sample playbook's 10 % of so few people would be too few in the held-out arm; `npm run bench -- lifts` has many, and 10 %. */
const holdout = 0.3;
const stepMs = 4 * 3_600_000;
const start = '2026-03-02T00:00:00.000Z';
const limitMs = 30 * 60_000;

// Nothing has to outlive the test: where the machine has a folder in memory, it spares the disk.
const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-month-'));
const playbookDir = join(base, 'playbook');
let terms: ShopTerms;

interface Lived {
  readonly report: MonthReport;
  readonly digest: string;
}

async function live(seed: number, options: { people: number; days?: number }): Promise<Lived> {
  const dataDir = mkdtempSync(join(base, 'data-'));
  const platform = await startPlatform({ virtualFrom: start, dataDir, playbookDir });
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
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/**
 * The story of a simulated month, told with the seeds 1 to `seeds`: of them every tactic's true lift has to be inside its
 * reported 95 % interval in at least `covered`.
 */
export function tellMonth({
  seeds: count,
  covered,
}: {
  readonly seeds: number;
  readonly covered: number;
}): void {
  const seeds = Array.from({ length: count }, (_, at) => at + 1);
  beforeAll(async () => {
    cpSync(join(repositoryRoot, 'playbook'), playbookDir, { recursive: true });
    const file = join(playbookDir, 'playbook.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^holdout: .*$/m, `holdout: ${holdout}`));
    const playbook = await loadPlaybook(playbookDir);
    expect(playbook.holdout).toBe(holdout);
    terms = shopTermsOf(playbook);
  });

  afterAll(() => rmSync(base, { recursive: true, force: true }));

  describe('a simulated month', () => {
    const months: MonthReport[] = [];

    beforeAll(async () => {
      const waiting = [...seeds];
      const worker = async (): Promise<void> => {
        for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
          months.push((await live(seed, { people })).report);
        }
      };
      await Promise.all(Array.from({ length: sideBySide }, worker));
      months.sort((a, b) => a.seed - b.seed);
    }, limitMs);

    it('comes through whole: every event accepted, pages decided, mails sent', () => {
      expect(months.map(({ seed }) => seed)).toEqual(seeds);
      for (const { seed, events, accepted, rejected, decisions, shown, mails } of months) {
        expect({ seed, accepted, rejected: rejected.first }).toEqual({
          seed,
          accepted: events,
          rejected: [],
        });
        expect(decisions).toBeGreaterThan(people);
        expect(shown).toBeGreaterThan(people / 5);
        expect(mails).toBeGreaterThan(people / 10);
      }
    });

    it('puts exactly those people into each arm that the shop saw put there', () => {
      const onSite = months.flatMap(({ seed, tactics }) =>
        tactics.filter(({ truth }) => truth.treatedPeople > 0).map((tactic) => ({ seed, ...tactic })),
      );
      expect(onSite.length).toBeGreaterThan(2 * seeds.length);
      expect(
        onSite.map(({ seed, reported }) => [seed, reported?.tactic, reported?.treated, reported?.heldOut]),
      ).toEqual(
        onSite.map(({ seed, truth }) => [seed, truth.tactic, truth.treatedPeople, truth.heldOutPeople]),
      );
    });

    it(`has the true lift of every tactic inside its reported 95 % interval in at least ${covered} of ${count} seeds`, () => {
      const rows = compareLifts(months);
      process.stdout.write(`\n${coverageTable(rows)}\n`);
      expect(rows.length).toBe(terms.tactics.length);
      expect(
        rows.filter((row) => row.covered < covered).map((row) => `${row.tactic}: ${row.covered}`),
      ).toEqual([]);
    });

    it('reports without bias: over all seeds the mean error stays within four standard errors', () => {
      const biased = compareLifts(months).filter((row) => Math.abs(row.biasInStandardErrors) > 4);
      expect(biased.map((row) => `${row.tactic}: ${row.biasInStandardErrors.toFixed(1)}`)).toEqual([]);
    });

    it('would notice a truth that is off by more than the interval says', () => {
      const off = compareLifts(months, ({ low, high }) => high - low);
      expect(off.filter((row) => row.covered >= covered).map(({ tactic }) => tactic)).toEqual([]);
    });
  });

  describe('a seed', () => {
    it(
      'gives the same month twice, to the last decision',
      async () => {
        const [first, second] = await Promise.all([
          live(77, { people: 200, days: 10 }),
          live(77, { people: 200, days: 10 }),
        ]);
        expect(first.report.decisions).toBeGreaterThan(100);
        const timeless = ({ report: { elapsedMs: _, ...report }, digest }: Lived): object => ({
          ...report,
          digest,
        });
        expect(timeless(second)).toEqual(timeless(first));
      },
      limitMs,
    );
  });
}
