// In:      events.accepted.v1, one batch of one partition, in order.
// Out:     first identity.changed.v1 for every person that the batch made or changed, then the same events with the
//          profile they belong to and their place in the accepted topic, to events.identified.v1 by profileId.
// Order:   events of one person that came through one partition keep their order.
// Failure: what is no event goes to events.rejected.v1 with its place and never blocks; anything else throws, the
//          batch comes again and gives the same records again, which the profiles room recognises by their place.
import { topics } from '@rapport/contracts';
import type { EventLog, LogRecord } from '@rapport/event-log';
import { mapInTurns, runBatch, type Clock, type Outcome, type Refusal } from '@rapport/kernel';
import { identifiedRecord, rejectedRecord } from './steps/encode-identified.js';
import { readAccepted, type AcceptedRecord } from './steps/read-accepted.js';
import type { ResolvedRecord } from './steps/resolve-events.js';

export interface IdentifyEventsParts {
  readonly log: Pick<EventLog, 'append'>;
  readonly clock: Clock;
  readonly resolve: (batch: readonly AcceptedRecord[]) => Promise<readonly Outcome<ResolvedRecord>[]>;
  readonly report: (counts: { readonly identified: number; readonly rejected: number }) => void;
}

const stage = 'identity';

/** The room's one pipeline: read → resolve and learn → tell → append. */
export function createIdentifyEvents({ log, clock, resolve, report }: IdentifyEventsParts) {
  return async (records: readonly LogRecord[]): Promise<void> => {
    const read = await runBatch(stage, (batch) => mapInTurns(batch, readAccepted), records);
    const resolved = await runBatch(stage, resolve, read.passed);
    const refused: Refusal<LogRecord>[] = [
      ...read.refused,
      ...resolved.refused.map((refusal) => ({ ...refusal, input: refusal.input.record })),
    ];
    if (refused.length > 0) {
      await log.append(
        topics.rejected.name,
        refused.map((refusal) => rejectedRecord(refusal, clock)),
      );
    }
    if (resolved.passed.length > 0) {
      await log.append(
        topics.identified.name,
        await mapInTurns(resolved.passed, ({ accepted, profileId }) => identifiedRecord(accepted, profileId)),
      );
    }
    report({ identified: resolved.passed.length, rejected: refused.length });
  };
}
