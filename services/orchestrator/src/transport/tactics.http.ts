import type { FastifyInstance } from 'fastify';
import { liftReport, noSums } from '../domain/lift.js';
import type { TacticBook } from '../domain/tactics.js';
import type { LiftStore } from '../ports/lift-store.js';

export interface TacticsRoutes {
  readonly book: TacticBook;
  readonly lifts: LiftStore;
}

/** GET /v1/tactics: what each tactic does against its holdout. */
export function mountTactics(http: FastifyInstance, { book, lifts }: TacticsRoutes): void {
  http.get('/v1/tactics', { config: { action: 'reports.read' } }, async () => {
    const sums = await lifts.allSums();
    const tactics = [...book.byName.values()].map((tactic) => {
      const { treated, holdout } = sums.get(tactic.name) ?? { treated: noSums, holdout: noSums };
      return liftReport(tactic, treated, holdout);
    });
    return { tactics };
  });
}
