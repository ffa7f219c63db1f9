import { topics } from '@rapport/contracts';
import type { Consumer, ConsumeFailure, EventLog, LogRecord } from '@rapport/event-log';

export interface AcceptedEventsParts {
  readonly log: EventLog;
  readonly maxBatch: number;
  readonly identify: (records: readonly LogRecord[]) => Promise<void>;
  /** Finishes what a worker that died had begun; called when partitions are taken over. */
  readonly recover: () => Promise<void>;
  /** Takes a record that the pipeline fails on. */
  readonly onPoison: (record: LogRecord, thrown: unknown) => Promise<void>;
  readonly onFailure: (failure: ConsumeFailure) => void;
}

/** The consumer group of this room. */
export const identityGroup = 'identity';

/** Reads events.accepted.v1 into the pipeline. */
export async function consumeAcceptedEvents(parts: AcceptedEventsParts): Promise<Consumer> {
  return await parts.log.consume({
    group: identityGroup,
    topics: [topics.accepted.name],
    maxBatch: parts.maxBatch,
    onAssigned: () => parts.recover(),
    onBatch: async (batch) => parts.identify(batch.records),
    onPoison: parts.onPoison,
    onFailure: parts.onFailure,
  });
}
