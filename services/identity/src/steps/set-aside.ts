import type { GraphPorts, StoredIdentifier } from '../ports/graph-ports.js';

/** Keeps a document that cannot be gone on with from coming up again. */
export type SetAside = (stored: StoredIdentifier, thrown: unknown) => Promise<void>;

/** It is reported, and no start looks for it any more; whoever meets it on the way still completes it. */
export function createSetAside(
  ports: Pick<GraphPorts, 'people'>,
  report: (stored: StoredIdentifier, thrown: unknown) => Promise<void>,
): SetAside {
  return async (stored, thrown) => {
    await report(stored, thrown);
    const { unsettled: _index, ...doc } = stored.doc;
    await ports.people.write([{ id: stored.id, doc, expectedVersion: stored.version }]);
  };
}
