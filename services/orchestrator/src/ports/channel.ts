import type { RequestedMessage } from '@rapport/contracts';

/** What became of one try to send. */
export type SendResult =
  | { readonly outcome: 'sent'; readonly detail: string }
  /** It will never go: trying again is of no use. */
  | { readonly outcome: 'failed'; readonly detail: string }
  /** Not now. */
  | { readonly outcome: 'later'; readonly detail: string };

/** A way to a person. Sending the same messageId again must be harmless: receivers know it by that id. */
export interface Channel {
  send(message: RequestedMessage): Promise<SendResult>;
  close(): Promise<void>;
}
