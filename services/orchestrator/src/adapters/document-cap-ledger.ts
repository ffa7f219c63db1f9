import type { Collection, CollectionDeclaration } from '@rapport/document-store';
import { isMailed, prune, reserve, type Reservation, type ReserveAnswer } from '../domain/caps.js';
import type { CapLedger, Reserved } from '../ports/cap-ledger.js';
import type { DecisionLedger } from '../ports/decision-ledger.js';

/** One document per person and one per mailbox: the uses of attention that caps may still count. */
export interface CapDocument {
  readonly reservations: readonly Reservation[];
}

export const capCollection: CollectionDeclaration<CapDocument> = { name: 'caps', urgent: true };

/** How long a decision may take from reserving to the ledger. After it, an entry that the ledger does not have is void. */
const openForMs = 30_000;

type Change = (reservations: readonly Reservation[]) => {
  readonly reservations: readonly Reservation[];
  readonly answer: ReserveAnswer;
};

type Request = Parameters<CapLedger['reserve']>[1];
type Contender = Request['contenders'][number];

/** Mailboxes stand beside people; no profile id begins so. */
const placeOf = (mailbox: string): string => `@${mailbox}`;

interface Waiting {
  /** The earliest instant that the change looks at. */
  readonly atMs: number;
  readonly change: Change;
  readonly resolve: (reserved: Reserved) => void;
  readonly reject: (thrown: unknown) => void;
}

const nothing: ReserveAnswer = { granted: -1, refusals: [] };

/**
 * Reserve-then-confirm by compare-and-set on one document per person. Requests of this process for one person queue up
 * and go into one write; another process's write shows as a conflict, and all of them are asked again. The confirmation
 * is the decision's entry in the ledger: a reservation that is still without one after 30 s belonged to a decision that
 * never was made, and is dropped the next time the document is looked at. The answer is known before it is durable, so
 * that the ledger's entry can go into the same commit.
 */
export class DocumentCapLedger implements CapLedger {
  readonly #queues = new Map<string, Waiting[]>();

  constructor(
    readonly collection: Collection<CapDocument>,
    readonly ledger: Pick<DecisionLedger, 'chosen'>,
    readonly longestWindowMs: number,
    readonly now: () => number,
  ) {}

  /**
   * A mail needs room in two documents: its person's and its mailbox's, in this order. A place that the mailbox has no
   * room for goes to the next contender in the person's document, and at last back.
   */
  async reserve(profileId: string, request: Request): Promise<Reserved> {
    const { contenders, mailbox } = request;
    const refused = new Map<Contender, string>();
    const stood: Promise<boolean>[] = [];
    const bothStood = async (): Promise<boolean> => (await Promise.all(stood)).every(Boolean);
    for (;;) {
      const open = contenders.filter((one) => !refused.has(one));
      const { answer, stood: own } = await this.#reserveAt(profileId, { ...request, contenders: open });
      stood.push(own);
      const granted = open[answer.granted];
      const behind = granted === undefined ? open : open.slice(0, answer.granted);
      if (mailbox !== undefined && granted !== undefined && isMailed(granted)) {
        const { mailbox: _mailbox, ...alone } = request;
        const there = await this.#reserveAt(placeOf(mailbox), { ...alone, contenders: [granted] });
        stood.push(there.stood);
        if (there.answer.granted < 0) {
          refused.set(granted, `its address: ${there.answer.refusals[0] ?? 'full'}`);
          continue;
        }
      }
      for (const [index, one] of behind.entries()) refused.set(one, answer.refusals[index] ?? 'full');
      const before = granted === undefined ? contenders : contenders.slice(0, contenders.indexOf(granted));
      const refusals = before.map((one) => refused.get(one) ?? 'full');
      return {
        answer: { granted: granted === undefined ? -1 : contenders.indexOf(granted), refusals },
        stood: bothStood(),
      };
    }
  }

  async release(profileId: string, id: string): Promise<void> {
    const held = (await this.collection.get(profileId))?.doc.reservations.find((one) => one.id === id);
    await this.#releaseAt(profileId, id);
    if (held?.mailbox !== undefined) await this.#releaseAt(placeOf(held.mailbox), id);
  }

  async #reserveAt(place: string, request: Request): Promise<Reserved> {
    return await this.#enqueue(place, request.atMs, (reservations) =>
      reserve(reservations, { ...request, openUntilMs: this.now() + openForMs }),
    );
  }

  async #releaseAt(profileId: string, id: string): Promise<void> {
    await this.#until(profileId, this.now(), (reservations) => ({
      reservations: reservations.some((one) => one.id === id)
        ? reservations.filter((one) => one.id !== id)
        : reservations,
      answer: nothing,
    }));
  }

  async move(from: string, into: string): Promise<void> {
    const moved = (await this.collection.get(from))?.doc.reservations ?? [];
    if (moved.length === 0) return;
    await this.#until(into, -Infinity, (reservations) => {
      const known = new Set(reservations.map(({ id }) => id));
      const added = moved.filter(({ id }) => !known.has(id));
      return {
        reservations: added.length === 0 ? reservations : [...reservations, ...added],
        answer: nothing,
      };
    });
  }

  async #until(profileId: string, atMs: number, change: Change): Promise<void> {
    for (;;) {
      const { stood } = await this.#enqueue(profileId, atMs, change);
      if (await stood) return;
    }
  }

  async #enqueue(profileId: string, atMs: number, change: Change): Promise<Reserved> {
    return await new Promise((resolve, reject) => {
      const waiting: Waiting = { atMs, change, resolve, reject };
      const queue = this.#queues.get(profileId);
      if (queue) queue.push(waiting);
      else {
        this.#queues.set(profileId, [waiting]);
        void this.#drain(profileId);
      }
    });
  }

  async #drain(profileId: string): Promise<void> {
    const queue = this.#queues.get(profileId) ?? [];
    while (queue.length > 0) {
      const batch = queue.splice(0);
      try {
        await this.#propose(profileId, batch);
      } catch (thrown) {
        for (const { reject } of batch) reject(thrown);
      }
    }
    this.#queues.delete(profileId);
  }

  /** Answers a batch and writes it; resolves when the write has ended, well or not. */
  async #propose(profileId: string, batch: readonly Waiting[]): Promise<void> {
    const stored = await this.collection.get(profileId);
    const before = stored?.doc.reservations ?? [];
    // A late timer decides about an instant in the past; what counts then must still be there.
    const asOfMs = Math.min(this.now(), ...batch.map(({ atMs }) => atMs));
    let reservations = await this.#confirm(prune(before, asOfMs, this.longestWindowMs));
    const answers = batch.map(({ change }) => {
      const changed = change(reservations);
      reservations = changed.reservations;
      return changed.answer;
    });
    const stood =
      reservations === before
        ? Promise.resolve(true)
        : this.#write(profileId, stored?.version ?? 0, reservations);
    for (const [index, { resolve }] of batch.entries()) resolve({ answer: answers[index] ?? nothing, stood });
    // A failed write is the affair of those who wait for `stood`.
    await stood.catch(() => undefined);
  }

  async #write(
    profileId: string,
    expectedVersion: number,
    reservations: readonly Reservation[],
  ): Promise<boolean> {
    const [result] = await this.collection.write([{ id: profileId, doc: { reservations }, expectedVersion }]);
    return result?.kind === 'written';
  }

  async #confirm(reservations: readonly Reservation[]): Promise<readonly Reservation[]> {
    const nowMs = this.now();
    const doubtful = reservations.filter(
      ({ openUntilMs }) => openUntilMs !== undefined && openUntilMs < nowMs,
    );
    if (doubtful.length === 0) return reservations;
    const chosen = await this.ledger.chosen(doubtful.map(({ id }) => id));
    const made = new Map(doubtful.map((one, index) => [one, chosen[index] === one.tactic]));
    return reservations
      .filter((one) => made.get(one) !== false)
      .map((one) => {
        if (made.get(one) !== true) return one;
        const { openUntilMs: _confirmed, ...confirmed } = one;
        return confirmed;
      });
  }
}
