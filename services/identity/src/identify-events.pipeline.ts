// In:      events.accepted.v1, one batch of one partition, in order.
// Out:     first identity.changed.v1 for every person that the batch made or changed, then the same events with the
//          profile they belong to and their place in the accepted topic, to events.identified.v1 by profileId.
// Order:   events of one person that came through one partition keep their order.
// Failure: what is no event goes to events.rejected.v1 with its place and never blocks; anything else throws, the
//          batch comes again and gives the same records again, which the profiles room recognises by their place.
import { readRecords, rejectionOf, topics, type Rejection } from '@rapport/contracts';
import type { EventLog, LogRecord } from '@rapport/event-log';
import { mapInTurns, runBatch, type Outcome } from '@rapport/kernel';
import type { AcceptedRecord } from './domain/accepted-record.js';
import { identifiedRecord } from './steps/encode-identified.js';
import type { ResolvedRecord } from './steps/resolve-events.js';

export interface IdentifyEventsParts {
  readonly log: Pick<EventLog, 'append'>;
  readonly resolve: (
    batch: readonly AcceptedRecord<LogRecord>[],
  ) => Promise<readonly Outcome<ResolvedRecord>[]>;
  /** Resolves when they are durable in `events.rejected.v1`. */
  readonly reject: (rejections: readonly Rejection[]) => Promise<void>;
  readonly report: (counts: { readonly identified: number; readonly rejected: number }) => void;
}

/** What this room calls itself in `events.rejected.v1`. */
export const identityStage = 'identity';

/** The room's one pipeline: read → resolve and learn → tell → append. */
export function createIdentifyEvents({ log, resolve, reject, report }: IdentifyEventsParts) {
  return async (records: readonly LogRecord[]): Promise<void> => {
    const { read, refused } = await readRecords(topics.accepted.name, records);
    const accepted = read.map(({ record, value }) => ({
      record,
      event: value,
      atMs: Date.parse(value.timestamp),
    }));
    const resolved = await runBatch(identityStage, resolve, accepted);
    const rejections = [
      ...refused,
      ...resolved.refused.map(({ input, code, detail }) => rejectionOf(input.record, code, detail)),
    ];
    await reject(rejections);
    if (resolved.passed.length > 0) {
      await log.append(
        topics.identified.name,
        await mapInTurns(resolved.passed, ({ accepted: one, profileId }) => identifiedRecord(one, profileId)),
      );
    }
    report({ identified: resolved.passed.length, rejected: rejections.length });
  };
}
