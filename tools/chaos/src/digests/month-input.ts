import { join } from 'node:path';
import { loadPlaybook } from '@rapport/playbook';
import { runMonth, shopTermsOf } from '@rapport/storefront';
import type { Input } from './input.js';

export interface MonthInputOptions {
  /** The root of the checkout: its sample playbook is used. */
  readonly root: string;
  readonly seed: number;
  readonly people: number;
  readonly days: number;
}

const startIso = '2026-03-02T00:00:00.000Z';
const dayMs = 24 * 3_600_000;
/** As in the tests of the month: six steps a day. */
const stepMs = 4 * 3_600_000;
const toldSteps = 6;

/** The simulated shop: what people do depends on what they are shown and sent, so every answer counts. */
export function monthInput({ root, seed, people, days }: MonthInputOptions): Input {
  const playbookDir = join(root, 'playbook');
  return {
    name: 'month',
    title: `${days} days of the simulated shop, ${people} people, seed ${seed}`,
    startIso,
    playbookDir,
    feed: async (door, _folder, say) => {
      const terms = shopTermsOf(await loadPlaybook(playbookDir));
      const startMs = Date.parse(startIso);
      let steps = 0;
      const { elapsedMs: _, ...report } = await runMonth({
        ...door,
        seed,
        terms,
        startMs,
        people,
        days,
        stepMs,
        onStep: ({ atMs, events, decisions }) => {
          if (++steps % toldSteps === 0)
            say(`${new Date(atMs).toISOString()}: ${events} events, ${decisions} decisions`);
        },
      });
      return {
        events: report.accepted,
        atIso: new Date(startMs + days * dayMs).toISOString(),
        answers: { ...report },
      };
    },
  };
}
