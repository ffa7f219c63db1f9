import { topics } from '@rapport/contracts';
import type { Consumer, EventLog, LogRecord } from '@rapport/event-log';
import type { UpdateProfiles } from '../update-profiles.pipeline.js';

export interface ProfileTopics {
  readonly log: EventLog;
  readonly pipeline: UpdateProfiles;
  readonly maxBatch: number;
  readonly onAssigned: (partition: number) => Promise<void>;
  readonly onRevoked: (partition: number) => void;
  /** Takes a record that the pipeline fails on. */
  readonly onPoison: (record: LogRecord, thrown: unknown) => Promise<void>;
  readonly onFailure: (partition: number, thrown: unknown) => void;
}

/** The consumer group of this room. */
export const profilesGroup = 'profiles';

/** Feeds the pipeline from both topics, one batch at a time per partition number. */
export function consumeProfileTopics({ log, pipeline, maxBatch, ...on }: ProfileTopics): Promise<Consumer> {
  return log.consume({
    group: profilesGroup,
    topics: [topics.identityChanged.name, topics.identified.name],
    maxBatch,
    onBatch: async (batch) => {
      if (batch.topic === topics.identityChanged.name) await pipeline.identityChanged(batch);
      else await pipeline.identified(batch);
    },
    onPoison: async (record, thrown) => {
      await pipeline.unclaim(record);
      await on.onPoison(record, thrown);
    },
    onAssigned: async (partition) => {
      await pipeline.takeOver(partition);
      await on.onAssigned(partition);
    },
    onRevoked: (partition) => {
      pipeline.release(partition);
      on.onRevoked(partition);
    },
    onFailure: ({ partition, thrown }) => on.onFailure(partition, thrown),
  });
}
