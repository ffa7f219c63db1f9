import { cloudEventHeaders, encodeJson, topics, type RequestedMessage } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import type { Clock } from '@rapport/kernel';

/** Asks for messages to be sent: resolves when that is durable in `messages.requested.v1`. */
export type RequestMessages = (messages: readonly RequestedMessage[]) => Promise<void>;

export const createRequestMessages =
  (log: EventLog, clock: Clock): RequestMessages =>
  async (messages) => {
    if (messages.length === 0) return;
    // By the clock, and not when the step was due: from here counts how late a first try is.
    const timestampMs = clock.now();
    await log.append(
      topics.messagesRequested.name,
      messages.map((message) => ({
        key: message.profileId,
        value: encodeJson(message),
        headers: cloudEventHeaders('rapport.message.requested.v1', message.messageId, message.requestedAt),
        timestampMs,
      })),
    );
  };
