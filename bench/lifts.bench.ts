import { join } from 'node:path';
import { loadPlaybook } from '@rapport/playbook';
import { compareLifts, coverageTable, runMonth, shopTermsOf, type MonthReport } from '@rapport/storefront';
import { repositoryRoot, startPlatform } from '@rapport/testing';
import type { Benchmark, Figure } from './report.js';

const seeds = 20;
const people = 5_000;
/** Two platforms at a time, each with its shop. */
const sideBySide = 2;
const start = '2026-03-02T00:00:00.000Z';

/** The lift that is reported for a simulated month beside the true one, at full size. */
export const lifts: Benchmark = {
  name: 'lifts',
  title: `True and reported lift of every tactic: ${seeds} simulated months of ${people.toLocaleString('en-US')} people`,
  run: async ({ say }) => {
    const terms = shopTermsOf(await loadPlaybook(join(repositoryRoot, 'playbook')));
    const months: MonthReport[] = [];
    const waiting = Array.from({ length: seeds }, (_, at) => at + 1);
    const worker = async (): Promise<void> => {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        const platform = await startPlatform({ virtualFrom: start });
        try {
          const month = await runMonth({ ...platform, seed, people, terms, startMs: Date.parse(start) });
          months.push(month);
          say(
            `seed ${seed}: ${month.events} events, ${month.decisions} decisions, ${month.mails} mails in ${Math.round(month.elapsedMs / 1000)} s`,
          );
        } finally {
          await platform.stop();
        }
      }
    };
    await Promise.all(Array.from({ length: sideBySide }, worker));
    months.sort((a, b) => a.seed - b.seed);
    const rows = compareLifts(months);
    for (const line of coverageTable(rows).split('\n')) say(line);
    const events = months.reduce((sum, month) => sum + month.events, 0);
    const elapsedMs = months.reduce((sum, month) => sum + month.elapsedMs, 0);
    return {
      name: 'lifts',
      title: lifts.title,
      setup: `one platform per seed, in virtual time, each with the simulated shop in this process; ${sideBySide} at a time`,
      figures: [
        { name: 'one month, on average', value: elapsedMs / months.length / 1000, unit: 's' },
        {
          name: 'events through everything, per platform',
          value: (events * 1000) / elapsedMs,
          unit: 'events/s',
        },
        ...rows.flatMap((row): Figure[] => [
          {
            name: `${row.tactic}: truth inside the 95 % interval`,
            value: row.covered,
            unit: `of ${seeds}`,
            floor: 18,
          },
          { name: `${row.tactic}: true lift per person`, value: row.meanTruth, unit: '' },
          { name: `${row.tactic}: reported lift per person`, value: row.meanLift, unit: '' },
          { name: `${row.tactic}: half width of the interval`, value: row.meanHalfWidth, unit: '' },
        ]),
      ],
    };
  },
};
