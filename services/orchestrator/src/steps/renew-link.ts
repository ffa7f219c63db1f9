import type { RequestedMessage } from '@rapport/contracts';
import { purposeOf, type TacticBook } from '../domain/tactics.js';
import type { Links } from '../ports/content-renderer.js';
import type { RefusalBook } from '../ports/refusal-book.js';

export interface RenewLinkPorts {
  readonly book: TacticBook;
  readonly links: Links;
  readonly refusals: Pick<RefusalBook, 'keyOf'>;
}

/** The message with an unsubscribe link that is believed now, wherever its content had one that an earlier release made. */
export type RenewLink = (message: RequestedMessage, atMs: number) => RequestedMessage;

export const createRenewLink =
  ({ book, links, refusals }: RenewLinkPorts): RenewLink =>
  (message, atMs) => {
    const { content, profileId, to } = message;
    const { unsubscribe: old } = content;
    const tactic = book.byName.get(message.tactic);
    if (typeof old !== 'string' || old === '' || tactic === undefined) return message;
    const claim = { profileId, purpose: purposeOf(tactic), mailbox: refusals.keyOf(to) };
    const renewed = JSON.stringify(content).replaceAll(old, links.toUnsubscribe(claim, atMs));
    return { ...message, content: JSON.parse(renewed) as RequestedMessage['content'] };
  };
