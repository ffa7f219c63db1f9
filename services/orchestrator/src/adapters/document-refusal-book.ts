import { createHmac, randomBytes } from 'node:crypto';
import type { Collection, CollectionDeclaration } from '@rapport/document-store';
import { mailboxOf } from '../domain/mail-address.js';
import { mergeRefusals, noRefusals, type Refusals } from '../domain/subscriptions.js';
import type { RefusalBook } from '../ports/refusal-book.js';

/** One document per mailbox that refused something. */
export const refusalCollection: CollectionDeclaration<{ readonly refusals: Refusals }> = {
  name: 'mail_refusals',
  urgent: true,
};

/** One document: the key of the hashes, made once. In the store, so that every process of a deployment has the same. */
export const mailboxKeyCollection: CollectionDeclaration<{ readonly key: string }> = {
  name: 'mailbox_keys',
};
const keyId = 'mailboxes';

/** Purposes that are kept of one mailbox, those refused last; a profile keeps fifty. */
const mostPurposes = 200;
/** Mailboxes whose refusals are remembered, so that a profile that changes often costs no reading. */
const mostRemembered = 20_000;

export class DocumentRefusalBook implements RefusalBook {
  readonly #known = new Map<string, Refusals>();
  #key: Buffer | undefined;

  constructor(
    readonly collection: Collection<{ readonly refusals: Refusals }>,
    readonly keys: Collection<{ readonly key: string }>,
  ) {}

  /** Finds the key or makes it; before anything else is asked. */
  async open(): Promise<void> {
    const made = { key: randomBytes(32).toString('base64url') };
    await this.keys.write([{ id: keyId, doc: made, expectedVersion: 0 }]);
    const kept = await this.keys.get(keyId);
    this.#key = Buffer.from(kept?.doc.key ?? made.key, 'base64url');
  }

  keyOf(address: string): string {
    if (this.#key === undefined) throw new Error('the refusal book is used before start');
    return createHmac('sha256', this.#key).update(mailboxOf(address)).digest('base64url').slice(0, 24);
  }

  async of(mailbox: string): Promise<Refusals> {
    return (await this.collection.get(mailbox))?.doc.refusals ?? noRefusals;
  }

  async add(mailbox: string, refusals: Refusals): Promise<void> {
    if (isWithin(refusals, this.#known.get(mailbox) ?? noRefusals)) return;
    for (;;) {
      const stored = await this.collection.get(mailbox);
      const before = stored?.doc.refusals ?? noRefusals;
      const after = newest(mergeRefusals(before, refusals));
      const isKnown = isWithin(after, before);
      const [written] = isKnown
        ? [undefined]
        : await this.collection.write([
            { id: mailbox, doc: { refusals: after }, expectedVersion: stored?.version ?? 0 },
          ]);
      if (!isKnown && written?.kind !== 'written') continue;
      this.#remember(mailbox, after);
      return;
    }
  }

  /** What was once written only grows, so what is remembered may lag behind and is never wrong. */
  #remember(mailbox: string, refusals: Refusals): void {
    this.#known.delete(mailbox);
    this.#known.set(mailbox, refusals);
    for (const eldest of this.#known.keys()) {
      if (this.#known.size <= mostRemembered) return;
      this.#known.delete(eldest);
    }
  }
}

const isWithin = (refusals: Refusals, known: Refusals): boolean =>
  Object.entries(refusals).every(([purpose, atMs]) => (known[purpose] ?? -Infinity) >= atMs);

function newest(refusals: Refusals): Refusals {
  const all = Object.entries(refusals);
  if (all.length <= mostPurposes) return refusals;
  return Object.fromEntries(
    all.sort(([a, at], [b, bt]) => bt - at || (a < b ? -1 : 1)).slice(0, mostPurposes),
  );
}
