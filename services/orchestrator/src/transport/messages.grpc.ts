import type { messagesProto } from '@rapport/contracts';
import type { Asked } from '@rapport/service-host';
import type { DeliveryState } from '../ports/delivery-store.js';
import type { LookUpMessages, MessageQuery } from '../steps/look-up-messages.js';
import { shownText } from './hide-personal.js';

/** MessagesService: messages on their way and how they ended. */
export class MessagesGrpc implements messagesProto.MessagesService {
  constructor(readonly messages: LookUpMessages) {}

  async listMessages(
    request: messagesProto.ListMessagesRequest,
    asked?: Asked,
  ): Promise<messagesProto.ListMessagesResponse> {
    const { found, nextCursor = '' } = await this.messages.list(queryOf(request));
    return { messages: found.map((one) => standingOf(one, asked)), nextCursor };
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

/** A message as both doors show it to this caller. */
export const standingOf = (
  state: DeliveryState,
  asked: Asked | undefined,
): messagesProto.MessageStanding => ({
  messageId: state.messageId,
  profileId: state.profileId,
  channel: state.channel,
  tactic: state.tactic,
  state: state.state,
  reason: state.reason ?? '',
  detail: shownText(state.detail, asked),
  attempts: state.attempts,
  replays: state.replays,
  at: new Date(state.atMs).toISOString(),
  due: state.dueMs === undefined ? '' : new Date(state.dueMs).toISOString(),
});
