import { cloudEventHeaders, encodeJson, topics, type RequestedMessage } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';

/** Asks for messages to be sent: resolves when that is durable in `messages.requested.v1`. */
export type RequestMessages = (messages: readonly RequestedMessage[]) => Promise<void>;

export const createRequestMessages =
  (log: EventLog): RequestMessages =>
  async (messages) => {
    if (messages.length === 0) return;
    await log.append(
      topics.messagesRequested.name,
      messages.map((message) => ({
        key: message.profileId,
        value: encodeJson(message),
        headers: cloudEventHeaders('rapport.message.requested.v1', message.messageId, message.requestedAt),
      })),
    );
  };
