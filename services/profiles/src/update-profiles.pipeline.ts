// In:  events.identified.v1 and identity.changed.v1, one partition number at a time, and due timers of that partition.
// Out: documents of people, origins and timeline; profiles.changed.v1; folded events of people who live elsewhere
//      back into events.identified.v1; what cannot be read into events.rejected.v1.
// Order: per partition; what falls due before an event was received happens before it, at its own instant.
// Failure: a batch that throws is delivered again. Events are claimed in the timeline first and people are written
//      before their origins, so nothing is folded or told twice, and what was written but not told is told again.
import { runBatch, type Outcome, type ProfileId } from '@rapport/kernel';
import type { Definitions } from './domain/definitions.js';
import type { PlacedRecord } from './ports/change-feed.js';
import type { ProfilesPorts } from './ports/profiles-ports.js';
import { profilesErrors } from './profiles.errors.js';
import { applyEvents, PoisonEvent, type ForwardedEvent } from './steps/apply-events.js';
import {
  applyMemberships,
  indexMemberships,
  renewalsOf,
  repeatedMembership,
} from './steps/apply-memberships.js';
import { BatchWork } from './steps/batch-work.js';
import { claimEvents, releaseEvent } from './steps/claim-events.js';
import { findHomes, type HousedEvent } from './steps/find-homes.js';
import { PeopleAtHand, type FoundPerson } from './steps/people-at-hand.js';
import { readIdentified, type ReadEvent } from './steps/read-identified.js';
import { newestByProfile, readMembership } from './steps/read-memberships.js';
import { rejectRecords } from './steps/reject-records.js';
import { scorePeople } from './steps/score-people.js';
import { tellAgain } from './steps/tell-again.js';
import { tellChanges } from './steps/tell-changes.js';
import { writePeople } from './steps/write-people.js';

/** Records of one partition of one topic, in order. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly PlacedRecord[];
  /** False once the partition belongs to another worker. */
  owned(): boolean;
}

export interface UpdateOptions {
  /** People kept in memory per partition. */
  readonly peopleInMemory: number;
  /** Told after each write: the earliest instant at which something is due among those written. */
  readonly onDue: (partition: number, dueMs: number) => void;
  /** Told after each batch of events: when the newest of them was received. */
  readonly onReceived: (receivedMs: number) => void;
}

/** People whose timers are fired in one go. */
const timersPerRun = 200;

export class UpdateProfiles {
  readonly #hands = new Map<number, PeopleAtHand>();
  /** Number of the newest timer run by partition. */
  readonly #runs = new Map<number, number>();

  constructor(
    readonly ports: ProfilesPorts,
    readonly definitions: Definitions,
    readonly options: UpdateOptions,
  ) {}

  /** The people of a partition that are in memory. */
  handOf(partition: number): PeopleAtHand {
    const known = this.#hands.get(partition);
    if (known !== undefined) return known;
    const made = new PeopleAtHand(this.ports.people, this.definitions, this.options.peopleInMemory);
    this.#hands.set(partition, made);
    return made;
  }

  /** Forgets a partition that is another worker's now. */
  release(partition: number): void {
    this.#hands.delete(partition);
    this.#runs.delete(partition);
  }

  /** Events: read, claim their places in the timeline, apply to whom they belong, score, write, tell. */
  async identified(batch: PartitionBatch): Promise<void> {
    let reads = await this.#readable(batch, readIdentified);
    for (;;) {
      const poison = await this.#fold(batch, reads);
      if (poison === undefined) break;
      await releaseEvent(this.ports.timeline, batch.partition, poison.read);
      await rejectRecords(
        this.ports.feed,
        batch,
        [{ record: poison.read, code: profilesErrors.foldFailed, detail: poison.message }],
        this.ports.now(),
      );
      this.ports.meter.events('rejected', 1);
      reads = reads.filter(({ offset }) => offset !== poison.read.offset);
    }
    this.options.onReceived(
      reads.reduce((newest, { event }) => Math.max(newest, event.receivedMs), -Infinity),
    );
  }

  /** Memberships: read, take over those that are newer, score, write, index, tell. */
  async identityChanged(batch: PartitionBatch): Promise<void> {
    const { partition } = batch;
    const changes = newestByProfile(await this.#readable(batch, readMembership));
    const hand = this.handOf(partition);
    await this.#dropOnFailure(
      hand,
      changes.map(({ profileId }) => profileId),
      async (found) => {
        const read = changes.map((change) => ({ ...(found.get(change.profileId) as FoundPerson), change }));
        const repeated = read.filter(
          ({ person, change }) => person.membershipVersion === change.membershipVersion,
        );
        await tellAgain(this.ports, partition, repeated);
        const work = new BatchWork(partition, () => batch.owned());
        const newer = read.filter(
          ({ person, change }) => person.membershipVersion < change.membershipVersion,
        );
        const applied = [
          ...(await applyMemberships(hand, work, newer)),
          ...repeated.map(({ person, change }) => repeatedMembership(person, change)),
        ];
        await this.#write(work);
        await indexMemberships(this.ports.identifiers, this.ports.directory, applied);
        await this.#tell(work, applied.flatMap(renewalsOf));
      },
    );
  }

  /** Fires what is due in a partition up to and at an instant, for at most 200 people; answers for how many. */
  async fireDue(partition: number, atMs: number, isOwned: () => boolean): Promise<number> {
    const due = await this.ports.people.due(partition, atMs, timersPerRun);
    if (due.length === 0) return 0;
    await this.#dropOnFailure(this.handOf(partition), due, async (found) => {
      const run = (this.#runs.get(partition) ?? (await this.ports.timerRuns.published(partition))) + 1;
      const work = new BatchWork(partition, isOwned, run);
      for (const { person } of found.values()) {
        work.change(person);
        person.fireDue(atMs);
      }
      await this.#write(work);
      await this.#tell(work, []);
      await this.ports.timerRuns.markPublished(partition, run);
      this.#runs.set(partition, run);
    });
    this.ports.meter.timersFired(due.length);
    return due.length;
  }

  /** Takes a partition over: what a timer run wrote and may not have told is told. */
  async takeOver(partition: number): Promise<void> {
    const hand = this.handOf(partition);
    hand.clear();
    const published = await this.ports.timerRuns.published(partition);
    let newest = published;
    for (;;) {
      const ids = await this.ports.people.writtenByRunsAfter(partition, newest, timersPerRun);
      if (ids.length === 0) break;
      const found = [...(await hand.people(ids)).values()];
      await tellAgain(this.ports, partition, found);
      newest = Math.max(newest, ...found.map(({ document }) => document?.run ?? 0));
    }
    if (newest > published) await this.ports.timerRuns.markPublished(partition, newest);
    this.#runs.set(partition, newest);
  }

  /** Answers the event that could not be folded, if there was one; nothing but its claim is written then. */
  async #fold(batch: PartitionBatch, reads: readonly ReadEvent[]): Promise<PoisonEvent | undefined> {
    const { partition } = batch;
    const hand = this.handOf(partition);
    const claimed = await claimEvents(this.ports.timeline, partition, reads);
    const homes = await findHomes(this.ports, hand, partition, claimed.events);
    const people = [...homes.people.values()];
    try {
      const earlier = homes.events.filter(wasApplied);
      const now = homes.events.filter((event) => !wasApplied(event));
      await this.#finishEarlier(batch, people, earlier);
      const work = new BatchWork(partition, () => batch.owned());
      const forwarded = await applyEvents(this.definitions, work, now);
      await this.#write(work);
      await this.#tell(work, forwarded);
      hand.keep(people.map(({ person }) => person));
      this.ports.meter.events('folded', now.length - forwarded.length);
      this.ports.meter.events('forwarded', forwarded.length);
      this.ports.meter.events('redelivered', earlier.length + claimed.repeats);
      this.ports.meter.events('duplicate', claimed.duplicates);
      return undefined;
    } catch (thrown) {
      hand.drop(homes.people.keys());
      if (thrown instanceof PoisonEvent) return thrown;
      throw thrown;
    }
  }

  /** What a crash left half done: folds events that people have and origins have not, and tells their people again. */
  async #finishEarlier(
    batch: PartitionBatch,
    people: readonly FoundPerson[],
    events: readonly HousedEvent[],
  ): Promise<void> {
    if (events.length === 0) return;
    const work = new BatchWork(batch.partition, () => batch.owned());
    await applyEvents(this.definitions, work, events);
    await writePeople(this.ports.people, this.definitions, work);
    const touched = new Set(events.map(({ person }) => person));
    await tellAgain(
      this.ports,
      batch.partition,
      people.filter(({ person }) => touched.has(person)),
    );
  }

  async #write(work: BatchWork): Promise<void> {
    const people = [...work.people.values()].map(({ person }) => person);
    await scorePeople(this.ports.predictor, this.definitions.models, people);
    await writePeople(this.ports.people, this.definitions, work);
  }

  async #tell(work: BatchWork, forwarded: readonly ForwardedEvent[]): Promise<void> {
    if (forwarded.length > 0) await this.ports.feed.forward(forwarded);
    const changes = [...work.people.values()];
    await tellChanges(this.ports, changes);
    this.options.onDue(work.partition, Math.min(...changes.map(({ person }) => person.dueMs)));
  }

  /** Loads people, works on them, keeps them in memory; forgets them when it fails, since memory is ahead then. */
  async #dropOnFailure(
    hand: PeopleAtHand,
    ids: readonly ProfileId[],
    work: (found: ReadonlyMap<ProfileId, FoundPerson>) => Promise<void>,
  ): Promise<void> {
    try {
      const found = await hand.people(ids);
      await work(found);
      hand.keep([...found.values()].map(({ person }) => person));
    } catch (thrown) {
      hand.drop(ids);
      throw thrown;
    }
  }

  /** What can be read of a batch; the rest goes to the rejected topic. */
  async #readable<T>(
    batch: PartitionBatch,
    read: (record: PlacedRecord) => Outcome<T>,
  ): Promise<readonly T[]> {
    const { passed, refused } = await runBatch('profiles', (records) => records.map(read), batch.records);
    await rejectRecords(
      this.ports.feed,
      batch,
      refused.map(({ input, code, detail }) => ({ record: input, code, detail })),
      this.ports.now(),
    );
    this.ports.meter.events('rejected', refused.length);
    return passed;
  }
}

const wasApplied = ({ person, offset }: HousedEvent): boolean =>
  person !== undefined && offset <= person.applied;
