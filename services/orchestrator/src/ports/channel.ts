import type { RequestedMessage } from '@rapport/contracts';

/** What became of one try to send. */
export type SendResult =
  | { readonly outcome: 'sent'; readonly detail: string }
  /** It will never go: trying again is of no use. */
  | { readonly outcome: 'failed'; readonly detail: string }
  /** Not now; where the other side said when, not before that. */
  | { readonly outcome: 'later'; readonly detail: string; readonly retryAfterMs?: number };

/** A way to a person. Sending the same messageId again must be harmless: receivers know it by that id. */
export interface Channel {
  /** Who has to take the message: one that hangs holds up nothing that goes to another. */
  destinationOf(message: RequestedMessage): string;
  /** Ends by itself, however the other side behaves. */
  send(message: RequestedMessage): Promise<SendResult>;
  close(): Promise<void>;
}
