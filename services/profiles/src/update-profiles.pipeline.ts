// In:  events.identified.v1 and identity.changed.v1, one partition number at a time, and due timers of that partition.
// Out: documents of people, origins and timeline; profiles.changed.v1; folded events of people who live elsewhere
//      back into events.identified.v1; what cannot be read into events.rejected.v1.
// Order: per partition; what falls due before an event was received happens before it, at its own instant.
// Failure: a batch that throws is delivered again. Events are claimed in the timeline first and people are written
//      before their origins, so nothing is folded or told twice, and what was written but not told is told again.
import { readRecords, rejectionOf, topics, type PlacedRecord, type Rejection } from '@rapport/contracts';
import { sparing, type ProfileId } from '@rapport/kernel';
import type { Definitions } from './domain/definitions.js';
import type { Person } from './domain/person.js';
import type { ProfilesPorts } from './ports/profiles-ports.js';
import { profilesErrors } from './profiles.errors.js';
import { applyEvents, PoisonEvent, type ForwardedEvent } from './steps/apply-events.js';
import {
  applyMemberships,
  indexMemberships,
  renewalsOf,
  repeatedMembership,
} from './steps/apply-memberships.js';
import type { BatchWork } from './steps/batch-work.js';
import { claimEvents, releaseEvent } from './steps/claim-events.js';
import { findHomes } from './steps/find-homes.js';
import { OwnedPartition } from './steps/owned-partition.js';
import type { FoundPerson, PeopleAtHand } from './steps/people-at-hand.js';
import { readIdentified, type ReadEvent } from './steps/read-identified.js';
import { newestByProfile } from './steps/read-memberships.js';
import { scorePeople } from './steps/score-people.js';
import { setAside } from './steps/set-aside.js';
import { tellChanges } from './steps/tell-changes.js';
import { writePeople } from './steps/write-people.js';

/** Records of one partition of one topic, in order. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly PlacedRecord[];
  /** False once the partition belongs to another worker. */
  readonly owned: () => boolean;
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
const timersPerBatch = 200;
/** People who are looked through in one go when definitions changed. */
const peoplePerPage = 200;

export class UpdateProfiles {
  readonly #partitions = new Map<number, OwnedPartition>();

  constructor(
    readonly ports: ProfilesPorts,
    readonly definitions: Definitions,
    readonly options: UpdateOptions,
  ) {}

  /** The people of a partition that are in memory. */
  handOf(partition: number): PeopleAtHand | undefined {
    return this.#partitions.get(partition)?.hand;
  }

  /** Takes a partition over. */
  async takeOver(partition: number): Promise<void> {
    this.#partitions.delete(partition);
    await this.#open(partition, () => true);
  }

  /** Forgets a partition that is another worker's now. */
  release(partition: number): void {
    this.#partitions.delete(partition);
  }

  /** Nothing is left in the topics at this moment. */
  caughtUp(): void {
    for (const owned of this.#partitions.values()) owned.caughtUp();
  }

  /** Before the process ends: others need not wonder what was told. */
  async close(): Promise<void> {
    for (const owned of this.#partitions.values()) await owned.close();
    this.#partitions.clear();
  }

  /** Events: read, claim their places in the timeline, apply to whom they belong, score, write, tell. */
  async identified(batch: PartitionBatch): Promise<void> {
    const identified = await readIdentified(batch.records);
    await this.#reject(identified.refused);
    let { reads } = identified;
    for (;;) {
      const poison = await this.#foldOrFind(batch, reads);
      if (poison === undefined) break;
      await releaseEvent(this.ports.timeline, batch.partition, poison.read);
      await this.#reject([rejectionOf(poison.read.placed, profilesErrors.foldFailed, poison.message)]);
      reads = reads.filter(({ offset }) => offset !== poison.read.offset);
    }
    this.#partitions.get(batch.partition)?.handled(batch.records.length);
    this.options.onReceived(
      reads.reduce((newest, { event }) => Math.max(newest, event.receivedMs), -Infinity),
    );
  }

  /** Memberships: read, take over those that are newer, score, write, index, tell. */
  async identityChanged(batch: PartitionBatch): Promise<void> {
    const { read: readable, refused } = await readRecords(topics.identityChanged.name, batch.records);
    await this.#reject(refused);
    const changes = newestByProfile(readable.map(({ value }) => value));
    await this.#within(batch.partition, batch.owned, async (owned) => {
      const found = await owned.hand.people(changes.map(({ profileId }) => profileId));
      const read = changes.map((change) => ({ ...(found.get(change.profileId) as FoundPerson), change }));
      const work = await owned.begin(batch.owned);
      const newer = read.filter(({ person, change }) => person.membershipVersion < change.membershipVersion);
      const repeated = read.filter(
        ({ person, change }) => person.membershipVersion === change.membershipVersion,
      );
      const applied = [
        ...repeated.map(({ person, change }) => repeatedMembership(person, change)),
        ...(await applyMemberships(owned.hand, work, newer)),
      ];
      await this.#write(work);
      await indexMemberships(this.ports.identifiers, this.ports.directory, applied);
      await this.#tell(owned, work, applied.flatMap(renewalsOf));
      owned.hand.keep(read.map(({ person }) => person));
    });
  }

  /** A record that this room fails on, whatever is done: its place in the timeline is free again. */
  async unclaim(record: PlacedRecord): Promise<void> {
    if (record.topic !== topics.identified.name) return;
    for (const read of (await readIdentified([record])).reads)
      await releaseEvent(this.ports.timeline, record.partition, read);
  }

  /** Fires what is due in a partition up to and at an instant, for at most 200 people; answers for how many. */
  async fireDue(partition: number, atMs: number, isOwned: () => boolean): Promise<number> {
    const due = await this.#within(partition, isOwned, async () =>
      this.ports.people.due(partition, atMs, timersPerBatch),
    );
    const fire = async (ids: readonly ProfileId[]): Promise<void> => {
      await this.#decide(partition, isOwned, ids, (person) => person.fireDue(atMs));
      this.ports.meter.timersFired(ids.length);
    };
    await sparing(due, fire, (id, thrown) => setAside(this.ports, id, thrown));
    return due.length;
  }

  /**
   * Decides people of a partition by the present definitions who were last decided by others: a page, after a
   * person. Answers where to go on; `done` once everybody is.
   */
  async renewDefinitions(
    partition: number,
    after: ProfileId | undefined,
    isOwned: () => boolean,
  ): Promise<ProfileId | 'done' | undefined> {
    const page = await this.#within(partition, isOwned, async (owned) =>
      owned.isDecidedBy(this.definitions) ? undefined : await this.ports.people.page(after, peoplePerPage),
    );
    if (page === undefined) return 'done';
    const stale = page.filter(
      ({ value }) => value.partition === partition && value.definitions !== this.definitions.version,
    );
    const renew = (ids: readonly ProfileId[]): Promise<void> =>
      this.#decide(partition, isOwned, ids, (person) => person.advanceTo(this.ports.now()));
    await sparing(
      stale.map(({ id }) => id),
      renew,
      (id, thrown) => setAside(this.ports, id, thrown),
    );
    if (page.length === peoplePerPage) return page.at(-1)?.id;
    await this.#within(partition, isOwned, async (owned) => owned.decidedBy(this.definitions));
    return 'done';
  }

  /** Decides people as time has it, with no event. */
  async #decide(
    partition: number,
    isOwned: () => boolean,
    ids: readonly ProfileId[],
    decide: (person: Person) => void,
  ): Promise<void> {
    await this.#within(partition, isOwned, async (owned) => {
      const people = [...(await owned.hand.people(ids)).values()].map(({ person }) => person);
      const work = await owned.begin(isOwned, true);
      for (const person of people) {
        work.change(person);
        decide(person);
      }
      await this.#write(work);
      await this.#tell(owned, work, []);
      owned.hand.keep(people);
    });
  }

  /** Answers the event that could not be folded, if there was one; nothing but its claim is written then. */
  async #foldOrFind(batch: PartitionBatch, reads: readonly ReadEvent[]): Promise<PoisonEvent | undefined> {
    try {
      await this.#within(batch.partition, batch.owned, (owned) => this.#fold(owned, batch, reads));
      return undefined;
    } catch (thrown) {
      if (thrown instanceof PoisonEvent) return thrown;
      throw thrown;
    }
  }

  async #fold(owned: OwnedPartition, batch: PartitionBatch, reads: readonly ReadEvent[]): Promise<void> {
    const { meter, timeline } = this.ports;
    const claimed = await claimEvents(timeline, batch.partition, reads);
    const homes = await findHomes(this.ports, owned.hand, batch.partition, claimed.events);
    const work = await owned.begin(batch.owned);
    const forwarded = await applyEvents(this.definitions, work, homes.events);
    await this.#write(work);
    await this.#tell(owned, work, forwarded);
    owned.hand.keep([...homes.people.values()].map(({ person }) => person));
    meter.events('folded', homes.events.length - forwarded.length);
    meter.events('forwarded', forwarded.length);
    meter.events('redelivered', homes.repeated + claimed.repeats);
    meter.events('duplicate', claimed.duplicates);
  }

  /** Works on a partition. When it fails, memory is ahead of the store: it is forgotten, and read anew. */
  async #within<T>(
    partition: number,
    isOwned: () => boolean,
    work: (owned: OwnedPartition) => Promise<T>,
  ): Promise<T> {
    try {
      return await work(await this.#open(partition, isOwned));
    } catch (thrown) {
      this.#partitions.delete(partition);
      throw thrown;
    }
  }

  async #open(partition: number, isOwned: () => boolean): Promise<OwnedPartition> {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const { peopleInMemory } = this.options;
    const owned = await OwnedPartition.open(this.ports, this.definitions, partition, {
      peopleInMemory,
      isOwned,
    });
    this.#partitions.set(partition, owned);
    return owned;
  }

  async #write(work: BatchWork): Promise<void> {
    const people = [...work.people.values()].map(({ person }) => person);
    await scorePeople(this.ports.predictor, this.definitions.models, people);
    await writePeople(this.ports.people, this.definitions, work);
  }

  async #tell(owned: OwnedPartition, work: BatchWork, forwarded: readonly ForwardedEvent[]): Promise<void> {
    if (forwarded.length > 0) await this.ports.feed.forward(forwarded);
    const changes = [...work.people.values()];
    await tellChanges(this.ports, changes);
    owned.end(work);
    this.options.onDue(work.partition, Math.min(...changes.map(({ person }) => person.dueMs)));
  }

  async #reject(rejections: readonly Rejection[]): Promise<void> {
    await this.ports.reject(rejections);
    this.ports.meter.events('rejected', rejections.length);
  }
}
