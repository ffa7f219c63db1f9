import { profileIdOf, type Identifier } from '@rapport/kernel';
import type { GraphPorts } from '../ports/graph-ports.js';

/**
 * Completes the forgetting that is planned at a root: tells it, keeps the counts that must not start again,
 * removes history and identifiers, and the root last; each part may be done twice.
 */
export async function completeForget(ports: GraphPorts, at: Identifier): Promise<void> {
  for (;;) {
    const root = await ports.people.get(at);
    const plan = root?.doc.plan;
    if (root === undefined || plan?.kind !== 'forget') return;
    const members = root.doc.person?.members ?? [at];
    const others = members.filter((id) => id !== at);
    const docs = (await ports.people.getMany(others)).filter((doc) => doc !== undefined);
    const counts = [...docs, root]
      .filter(({ doc }) => doc.membershipVersion > 0)
      .map(({ id, doc }) => ({
        id: profileIdOf(id as Identifier),
        doc: { membershipVersion: doc.membershipVersion + 1 },
      }));
    if (counts.length > 0) await ports.forgotten.write(counts);
    await ports.announce([
      {
        profileId: profileIdOf(at),
        membershipVersion: root.doc.membershipVersion + 1,
        kind: 'forgotten',
        identifiers: [],
        at: new Date(plan.at).toISOString(),
        reason: plan.reason,
      },
    ]);
    await ports.histories.write(members.map((id) => ({ id: profileIdOf(id), remove: true as const })));
    await ports.people.write(
      docs.map(({ id, version }) => ({ id, remove: true as const, expectedVersion: version })),
    );
    const left = (await ports.people.getMany(others)).some((doc) => doc !== undefined);
    if (left) continue;
    await ports.people.write([{ id: at, remove: true, expectedVersion: root.version }]);
  }
}
