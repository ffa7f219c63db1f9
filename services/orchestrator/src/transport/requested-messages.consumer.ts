import { readRecords, topics } from '@rapport/contracts';
import type { ConsumeFailure, Consumer, EventLog } from '@rapport/event-log';
import type { Rejections } from '@rapport/service-host';
import type { DeliverMessages } from '../deliver-messages.pipeline.js';

export interface RequestedMessagesParts {
  readonly log: EventLog;
  readonly channel: string;
  readonly deliver: DeliverMessages;
  readonly rejections: Rejections;
  readonly onFailure: (failure: ConsumeFailure) => void;
}

/** What all channels call themselves in `events.rejected.v1`: what each of them cannot read is one refusal. */
export const deliverStage = 'deliver';

/** Each channel reads all requests at its own pace: a slow webhook holds up no mail. */
export async function consumeRequestedMessages(parts: RequestedMessagesParts): Promise<Consumer> {
  const { log, channel, deliver, rejections } = parts;
  return await log.consume({
    group: `deliver-${channel}`,
    topics: [topics.messagesRequested.name],
    onAssigned: async (partition) => deliver.take(partition),
    onRevoked: (partition) => deliver.drop(partition),
    onBatch: async (batch) => {
      const { read, refused } = await readRecords(topics.messagesRequested.name, batch.records);
      await rejections.reject(refused);
      await deliver.deliver(
        batch.partition,
        read.map(({ value }) => value),
      );
    },
    onPoison: async (record, thrown) => rejections.poison(record, thrown),
    onFailure: parts.onFailure,
  });
}
