import { topics } from '@rapport/contracts';
import type { Consumer, EventLog, RecordBatch } from '@rapport/event-log';
import type { UpdateProfiles } from '../update-profiles.pipeline.js';

export interface ProfileTopics {
  readonly log: EventLog;
  readonly pipeline: UpdateProfiles;
  readonly maxBatch: number;
  readonly onAssigned: (partition: number) => Promise<void>;
  readonly onRevoked: (partition: number) => void;
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
      const placed = placedOf(batch);
      if (batch.topic === topics.identityChanged.name) await pipeline.identityChanged(placed);
      else await pipeline.identified(placed);
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

/** Records without a value are tombstones: nothing is to be learnt from them. */
const placedOf = (batch: RecordBatch) => ({
  topic: batch.topic,
  partition: batch.partition,
  records: batch.records.flatMap(({ offset, key, value }) =>
    value === null ? [] : [{ offset, key, bytes: value }],
  ),
  owned: () => batch.owned(),
});
