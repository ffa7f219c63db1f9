import { sparing, type ProfileId } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import type { ProfilesPorts } from '../ports/profiles-ports.js';
import { BatchNumbers } from './batch-numbers.js';
import { BatchWork } from './batch-work.js';
import { finishEarlier } from './finish-earlier.js';
import { PeopleAtHand } from './people-at-hand.js';
import { refoldOrigins } from './refold-origins.js';
import { setAside } from './set-aside.js';

/** People brought up to date in one go. */
const peoplePerPage = 200;
/** More than any batch has: whatever was in an earlier worker's hands has come again by then. */
const recordsUntilCaughtUp = 10_000;

/** A partition as its one worker has it: the people in memory and the numbers of its batches. */
export class OwnedPartition {
  #recordsHandled = 0;

  private constructor(
    readonly partition: number,
    readonly hand: PeopleAtHand,
    private readonly numbers: BatchNumbers,
  ) {}

  /** Takes a partition over; what due timers wrote before and may not have told is told. */
  static async open(
    ports: ProfilesPorts,
    definitions: Definitions,
    partition: number,
    options: { readonly peopleInMemory: number; readonly isOwned: () => boolean },
  ): Promise<OwnedPartition> {
    const numbers = await BatchNumbers.open(ports.ledger, partition);
    const context = { definitions, partition, isOwned: options.isOwned };
    const hand = new PeopleAtHand(ports.people, definitions, options.peopleInMemory, {
      origins: (held) => refoldOrigins(ports, definitions, held),
      people: async (found) => {
        const doubtful = found.filter(({ document }) => numbers.isDoubtful(document.batch));
        if (doubtful.length > 0) await finishEarlier(ports, context, doubtful);
      },
    });
    let after: { readonly batch: number; readonly id?: ProfileId } = { batch: numbers.toldBefore };
    for (;;) {
      const page = await ports.people.writtenByTimers(partition, after, peoplePerPage);
      await sparing(
        page.map(({ id }) => id),
        async (ids) => hand.keep([...(await hand.people(ids)).values()].map(({ person }) => person)),
        (id, thrown) => setAside(ports, id, thrown),
      );
      const last = page.at(-1);
      if (last === undefined || page.length < peoplePerPage) break;
      after = last;
    }
    return new OwnedPartition(partition, hand, numbers);
  }

  async begin(isOwned: () => boolean, isTimer = false): Promise<BatchWork> {
    return new BatchWork(this.partition, isOwned, await this.numbers.next(), isTimer);
  }

  /** Everything of a batch was written and told. */
  end(work: BatchWork): void {
    this.numbers.tell(work.batch);
  }

  /** Records of `events.identified.v1` that were handled; memberships go before them. */
  handled(records: number): void {
    this.#recordsHandled += records;
    if (this.#recordsHandled >= recordsUntilCaughtUp) this.numbers.caughtUp();
  }

  /** Nothing is left in the topics. */
  caughtUp(): void {
    this.numbers.caughtUp();
  }

  /** Whether everybody was decided by these definitions. */
  isDecidedBy(definitions: Definitions): boolean {
    return this.numbers.definitions === definitions.version;
  }

  async decidedBy(definitions: Definitions): Promise<void> {
    await this.numbers.decidedBy(definitions.version);
  }

  async close(): Promise<void> {
    await this.numbers.close();
  }
}
