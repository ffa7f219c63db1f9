import type { Identifier, Outcome, ProfileId } from '@rapport/kernel';
import { pass, profileIdOf, reject } from '@rapport/kernel';
import type { LogRecord } from '@rapport/event-log';
import type { AcceptedRecord } from '../domain/accepted-record.js';
import { addTo, observe, partnersOf, type Edge } from '../domain/evidence.js';
import { identityCodes } from '../identity.errors.js';
import { Untold, type GraphPorts } from '../ports/graph-ports.js';
import { learnEvidence } from './learn-evidence.js';

import type { RootCache } from './root-cache.js';
import type { Teller } from './tell-changes.js';

/** An accepted event with whose it is. */
export interface ResolvedRecord {
  readonly accepted: AcceptedRecord<LogRecord>;
  readonly profileId: ProfileId;
}

export interface ResolveParts {
  readonly ports: GraphPorts;
  readonly cache: RootCache;
  readonly teller: Teller;
}

/**
 * Finds the profile of each event, and learns what the events say about who is who. What is known already needs
 * no store; everything new of a batch is learnt at once, and is told to the log before the answer.
 */
export function createResolveEvents({ ports, cache, teller }: ResolveParts) {
  return async (batch: readonly AcceptedRecord<LogRecord>[]): Promise<readonly Outcome<ResolvedRecord>[]> => {
    const origins = new Set<Identifier>();
    const edges = new Map<string, Edge>();
    const known = batch.map(({ event, atMs }) => {
      const { origin } = event;
      const profileId = cache.profileOf(origin);
      if (profileId === undefined) {
        if (ports.rules.isBlocked(origin)) return undefined;
        origins.add(origin);
      }
      for (const partner of partnersOf(event)) {
        if (cache.isKnown(origin, partner, atMs) || ports.rules.isBlocked(partner)) continue;
        // Learning a pair needs the person that it is about, known or not.
        origins.add(origin);
        addTo(edges, observe(origin, partner, atMs, event.source));
      }
      return profileId;
    });
    if (origins.size === 0) return batch.map((accepted, i) => answer(accepted, known[i]));
    const untold = new Untold();
    const learnt = await learnEvidence(ports, { origins: [...origins], edges: [...edges.values()] }, untold);
    await teller.tell(untold);
    cache.refresh(untold.all());
    cache.learn(learnt.rootOf, learnt.known);
    return batch.map((accepted, i) => {
      const { origin } = accepted.event;
      const root = learnt.rootOf.get(origin);
      return answer(accepted, root === undefined ? (cache.profileOf(origin) ?? known[i]) : profileIdOf(root));
    });
  };
}

function answer(
  accepted: AcceptedRecord<LogRecord>,
  profileId: ProfileId | undefined,
): Outcome<ResolvedRecord> {
  if (profileId !== undefined) return pass({ accepted, profileId });
  return reject(
    identityCodes.originBlocked,
    `expected an origin that is somebody; ${accepted.event.origin} is on the list of values that are nobody`,
  );
}
