import type { IndexKey } from '@rapport/document-store';
import { sparing } from '@rapport/kernel';
import { Untold, type GraphPorts, type StoredIdentifier } from '../ports/graph-ports.js';
import { completePlans } from './complete-plans.js';
import type { SetAside } from './set-aside.js';
import type { Teller } from './tell-changes.js';

const pageSize = 200;

/**
 * Completes and tells whatever a worker that died left begun or untold; harmless beside workers that live. A document
 * with which that cannot be done is set aside.
 */
export function createRecoverChanges(
  ports: GraphPorts,
  teller: Teller,
  setAside: SetAside,
): () => Promise<void> {
  const recover = async (page: readonly StoredIdentifier[]): Promise<void> => {
    const untold = new Untold();
    for (const stored of page) untold.note(stored);
    await completePlans(
      ports,
      page.filter(({ doc }) => doc.plan !== undefined),
      untold,
    );
    await teller.tell(untold);
  };
  return async () => {
    let after: { key: IndexKey; id: string } | undefined;
    for (;;) {
      const page = await ports.people.scan('unsettled', { limit: pageSize, ...(after ? { after } : {}) });
      const last = page.at(-1);
      if (last === undefined) return;
      await sparing(page, recover, setAside);
      await teller.settle();
      after = { key: last.doc.unsettled ?? 0, id: last.id };
    }
  };
}
