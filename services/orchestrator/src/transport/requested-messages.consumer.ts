import { decodeJson, topics, type RequestedMessage } from '@rapport/contracts';
import type { ConsumeFailure, Consumer, EventLog } from '@rapport/event-log';
import type { DeliverMessages } from '../deliver-messages.pipeline.js';

export interface RequestedMessagesParts {
  readonly log: EventLog;
  readonly channel: string;
  readonly deliver: DeliverMessages;
  readonly onFailure: (failure: ConsumeFailure) => void;
}

/** Each channel reads all requests at its own pace: a slow webhook holds up no mail. */
export async function consumeRequestedMessages(parts: RequestedMessagesParts): Promise<Consumer> {
  const { log, channel, deliver } = parts;
  return await log.consume({
    group: `deliver-${channel}`,
    topics: [topics.messagesRequested.name],
    onAssigned: async (partition) => deliver.take(partition),
    onRevoked: (partition) => deliver.drop(partition),
    onBatch: async (batch) => {
      if (!batch.owned()) throw new Error(`partition ${batch.partition} belongs to another worker now`);
      const messages = batch.records.flatMap(({ value }) =>
        value === null ? [] : [decodeJson<RequestedMessage>(value)],
      );
      await deliver.deliver(batch.partition, messages);
    },
    onFailure: parts.onFailure,
  });
}
