import type { IndexKey } from '@rapport/document-store';
import { Untold, type GraphPorts } from '../ports/graph-ports.js';
import { completePlans } from './complete-plans.js';
import type { Teller } from './tell-changes.js';

const pageSize = 200;

/** Completes and tells whatever a worker that died left begun or untold; harmless beside workers that live. */
export function createRecoverChanges(ports: GraphPorts, teller: Teller): () => Promise<void> {
  return async () => {
    let after: { key: IndexKey; id: string } | undefined;
    for (;;) {
      const page = await ports.people.scan('unsettled', { limit: pageSize, ...(after ? { after } : {}) });
      const last = page.at(-1);
      if (last === undefined) return;
      const untold = new Untold();
      for (const stored of page) untold.note(stored);
      await completePlans(
        ports,
        page.filter(({ doc }) => doc.plan !== undefined),
        untold,
      );
      await teller.tell(untold);
      await teller.settle();
      after = { key: last.doc.unsettled ?? 0, id: last.id };
    }
  };
}
