import type { messagesProto } from '@rapport/contracts';
import type { DeliveryState } from '../ports/delivery-store.js';
import type { LookUpMessages, MessageQuery } from '../steps/look-up-messages.js';

/** MessagesService: messages on their way and how they ended. */
export class MessagesGrpc implements messagesProto.MessagesService {
  constructor(readonly messages: LookUpMessages) {}

  async listMessages(
    request: messagesProto.ListMessagesRequest,
  ): Promise<messagesProto.ListMessagesResponse> {
    const { found, nextCursor = '' } = await this.messages.list(queryOf(request));
    return { messages: found.map(standingOf), nextCursor };
  }

  async replayMessages(
    request: messagesProto.ReplayMessagesRequest,
  ): Promise<messagesProto.ReplayMessagesResponse> {
    const { messageIds, nextCursor = '' } = await this.messages.replay(queryOf(request));
    return { messageIds: [...messageIds], nextCursor };
  }
}

const queryOf = ({
  filter,
  cursor,
  limit,
}: messagesProto.ListMessagesRequest | messagesProto.ReplayMessagesRequest): MessageQuery => ({
  ...filter,
  cursor,
  limit,
});

/** A message as both doors show it. */
export const standingOf = (state: DeliveryState): messagesProto.MessageStanding => ({
  messageId: state.messageId,
  profileId: state.profileId,
  channel: state.channel,
  tactic: state.tactic,
  state: state.state,
  reason: state.reason ?? '',
  detail: state.detail,
  attempts: state.attempts,
  replays: state.replays,
  at: new Date(state.atMs).toISOString(),
  due: state.dueMs === undefined ? '' : new Date(state.dueMs).toISOString(),
});
