import type { ProfileChange } from '@rapport/contracts';
import { mailboxesOf } from '../domain/reachability.js';
import { mergeRefusals, noRefusals, refusalsChosen, type Refusals } from '../domain/subscriptions.js';
import type { RefusalBook } from '../ports/refusal-book.js';

export type NoteRefusals = (changes: readonly ProfileChange[]) => Promise<void>;

/** Mailboxes that are written at a time. */
const sideBySide = 16;

/**
 * Notes what people refused at every mailbox that is theirs: another account may have the same one. Resolves when it is
 * durable, before the steps that the same changes make due are decided.
 */
export function createNoteRefusals(book: RefusalBook): NoteRefusals {
  return async (changes) => {
    const byMailbox = new Map<string, Refusals>();
    for (const { view } of changes) {
      const refusals = refusalsChosen(view.consent);
      if (Object.keys(refusals).length === 0) continue;
      for (const mailbox of mailboxesOf(view.identifiers, view.traits)) {
        const key = book.keyOf(mailbox);
        byMailbox.set(key, mergeRefusals(byMailbox.get(key) ?? noRefusals, refusals));
      }
    }
    const all = [...byMailbox];
    for (let from = 0; from < all.length; from += sideBySide) {
      await Promise.all(
        all.slice(from, from + sideBySide).map(async ([key, refusals]) => book.add(key, refusals)),
      );
    }
  };
}
