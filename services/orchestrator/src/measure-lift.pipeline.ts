// In: decisions.made.v1 (who first met which tactic, in which arm) and profiles.changed.v1 (what people did), co-partitioned.
// Out: sums per tactic and arm, published per partition for GET /v1/tactics.
// Order: none is needed: events are known by messageId, of exposures the earliest holds; the timeline fills in what
// happened between a decision and the moment it was seen here. Applying anything twice changes nothing.
// Failure: people's documents are the truth and written first; a partition's sums are made anew from them on takeover.
import type { DecisionRecord, ProfileChange } from '@rapport/contracts';
import { isPoison, type ProfileId } from '@rapport/kernel';
import {
  armOf,
  mergeOutcomes,
  noSums,
  outcomeOf,
  withGoalEvent,
  withMeetings,
  withPerson,
  type ArmName,
  type ArmSums,
  type Exposure,
  type Meeting,
  type PersonOutcomes,
} from './domain/lift.js';
import type { Tactic } from './domain/tactics.js';
import { MetTactics } from './domain/met-tactics.js';
import type { LiftStore, StoredOutcomes } from './ports/lift-store.js';
import type { PersonReader } from './ports/person-reader.js';

export interface MeasureLiftPorts {
  readonly store: LiftStore;
  readonly people: Pick<PersonReader, 'events'>;
  readonly tactics: ReadonlyMap<string, Tactic>;
  readonly partitionOf: (profileId: string) => number;
  /** Puts the document of a person that cannot be counted into `events.rejected.v1`; resolves when it is durable. */
  readonly reject: (state: PersonOutcomes, thrown: unknown) => Promise<void>;
  /** Tells that a partition has something to take over from another. */
  readonly onHandover: (partition: number) => void;
}

type Sums = Map<string, Record<ArmName, ArmSums>>;

const handoverPage = 100;
/** Goal events of one person that are looked up when a decision comes in. */
const lookBack = 200;
/** First meetings of the newest people that are remembered per partition. */
const mostMet = 100_000;

export class MeasureLift {
  readonly #byPartition = new Map<number, Sums>();
  readonly #unkept = new Set<number>();
  /** What the documents of the newest people hold: most decisions are about somebody who met all of it before. */
  readonly #met = new MetTactics(mostMet);
  readonly #goalTactics = new Map<string, Tactic[]>();

  constructor(readonly ports: MeasureLiftPorts) {
    for (const tactic of ports.tactics.values()) {
      const { event } = tactic.definition.goal;
      const known = this.#goalTactics.get(event);
      if (known) known.push(tactic);
      else this.#goalTactics.set(event, [tactic]);
    }
  }

  /** Adds a partition up from its people; before anything else of it is done. */
  async takeOver(partition: number): Promise<void> {
    const sums: Sums = new Map();
    for await (const people of this.ports.store.ofPartition(partition)) {
      for (const person of people) {
        const { state } = person;
        await this.#orSetAside(person, () => recount(sums, { ...state, exposures: {} }, state));
      }
    }
    this.#byPartition.set(partition, sums);
    await this.takeHandovers(partition);
    await this.ports.store.keepSums(partition, sums);
  }

  giveUp(partition: number): void {
    this.#byPartition.delete(partition);
    this.#met.forget(partition);
    this.#unkept.delete(partition);
  }

  /** Publishes the sums that have changed; called now and then, since they are only what people's documents add up to. */
  async keepSums(): Promise<void> {
    for (const partition of [...this.#unkept]) {
      const sums = this.#byPartition.get(partition);
      this.#unkept.delete(partition);
      if (sums !== undefined) await this.ports.store.keepSums(partition, sums);
    }
  }

  /** Enrols who met a tactic for the first time. */
  async decided(partition: number, records: readonly DecisionRecord[]): Promise<void> {
    const byPerson = new Map<ProfileId, Meeting[]>();
    for (const { profileId, at, candidates } of records) {
      const meetings = byPerson.get(profileId) ?? [];
      const atMs = Date.parse(at);
      for (const { tactic: name, outcome } of candidates) {
        const arm = armOf(outcome);
        const tactic = arm === undefined ? undefined : this.ports.tactics.get(name);
        if (arm === undefined || tactic === undefined || this.#met.knows(partition, profileId, name, atMs))
          continue;
        meetings.push({ tactic, arm, atMs });
      }
      if (meetings.length > 0) byPerson.set(profileId, meetings);
    }
    await this.#update(partition, [...byPerson.keys()], async (before) => {
      const after = withMeetings(before, byPerson.get(before.profileId) ?? []);
      return after === before ? before : await this.#withMissed(before, after);
    });
  }

  /** Counts what people did; hands on the exposures of profiles that went into another. */
  async changed(partition: number, changes: readonly ProfileChange[]): Promise<void> {
    const byPerson = new Map<ProfileId, ProfileChange[]>();
    for (const change of changes) {
      const matters =
        change.mergedInto !== undefined ||
        change.events.some(({ event }) => event !== undefined && this.#goalTactics.has(event));
      if (!matters) continue;
      const known = byPerson.get(change.profileId);
      if (known) known.push(change);
      else byPerson.set(change.profileId, [change]);
    }
    await this.#update(
      partition,
      [...byPerson.keys()],
      async (before) => {
        const seen = byPerson.get(before.profileId) ?? [];
        return Promise.resolve(seen.reduce((state, change) => this.#seen(state, change), before));
      },
      { onlyKnown: true },
    );
  }

  /** Takes over the exposures of profiles that went into profiles of this partition. */
  async takeHandovers(partition: number): Promise<void> {
    for (;;) {
      const given = await this.ports.store.handovers(partition, handoverPage);
      if (given.length === 0) return;
      for (const giver of given) await this.#orSetAside(giver, () => this.#handOver(partition, giver));
    }
  }

  async #handOver(partition: number, { state: from, version }: StoredOutcomes): Promise<void> {
    const { handoverTo: _to, mergedInto: into, ...rest } = from;
    if (into !== undefined && (await this.#goesRound(from.profileId, into))) {
      await this.ports.store.write([{ state: rest, version }]);
      return;
    }
    if (into !== undefined) {
      await this.#update(partition, [into], async (own) =>
        Promise.resolve(mergeOutcomes(from, own, this.ports.tactics)),
      );
    }
    // On a conflict the giver got more meanwhile: it is still in the index and comes again.
    const given = into === undefined ? rest : { ...rest, mergedInto: into, exposures: {} };
    await this.ports.store.write([{ state: given, version }]);
  }

  /** Whether profiles went into each other in a circle, which only a foreign record can say: then what one has stays with it. */
  async #goesRound(profileId: ProfileId, mergedInto: ProfileId): Promise<boolean> {
    const passed = new Set<ProfileId>([profileId]);
    for (let next: ProfileId | undefined = mergedInto; next !== undefined;) {
      if (passed.has(next)) return true;
      passed.add(next);
      const [stored] = await this.ports.store.getMany([next]);
      next = stored?.state.mergedInto;
    }
    return false;
  }

  /** Where a person's document is to blame it is taken out of everything, and the others go on. */
  async #orSetAside({ state, version }: StoredOutcomes, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!isPoison(thrown)) throw thrown;
      await this.ports.reject(state, thrown);
      const { profileId, partition } = state;
      const emptied: PersonOutcomes = { profileId, partition, exposures: {}, isSetAside: true };
      await this.ports.store.write([{ state: emptied, version }]);
    }
  }

  #seen(state: PersonOutcomes, change: ProfileChange): PersonOutcomes {
    let next = state;
    for (const { event, messageId, timestamp, properties } of change.events) {
      const tactics = event === undefined ? undefined : this.#goalTactics.get(event);
      if (event === undefined || tactics === undefined) continue;
      next = withGoalEvent(
        next,
        { event, messageId, atMs: Date.parse(timestamp), properties: properties ?? {} },
        tactics,
      );
    }
    if (change.mergedInto !== undefined) return { ...next, mergedInto: change.mergedInto };
    if (next.mergedInto === undefined) return next;
    // It was split off again: from now on it counts for itself.
    const { mergedInto: _former, handoverTo: _to, ...alive } = next;
    return alive;
  }

  /** What a new exposure's window holds already: an event may be seen here before the decision that came before it. */
  async #withMissed(before: PersonOutcomes, after: PersonOutcomes): Promise<PersonOutcomes> {
    const since = new Map<string, number>();
    let untilMs = 0;
    for (const name in after.exposures) {
      const firstMs = after.exposures[name]?.firstMs;
      const tactic = this.ports.tactics.get(name);
      if (tactic === undefined || firstMs === undefined) continue;
      if (before.exposures[name]?.firstMs === firstMs) continue;
      const { event } = tactic.definition.goal;
      since.set(event, Math.min(since.get(event) ?? Infinity, firstMs));
      untilMs = Math.max(untilMs, firstMs + tactic.goalWithinMs);
    }
    let state = after;
    for (const [event, fromMs] of since) {
      const found = await this.ports.people.events(after.profileId, event, fromMs + 1, untilMs, lookBack);
      for (const one of found) {
        state = withGoalEvent(state, { ...one, event }, this.#goalTactics.get(event) ?? []);
      }
    }
    return state;
  }

  /** Changes people's documents, then the sums by what stood. */
  async #update(
    partition: number,
    ids: readonly ProfileId[],
    change: (before: PersonOutcomes) => Promise<PersonOutcomes>,
    { onlyKnown = false } = {},
  ): Promise<void> {
    const sums = this.#byPartition.get(partition);
    if (ids.length === 0 || sums === undefined) return;
    for (let open = ids; open.length > 0;) {
      const stored = await this.ports.store.getMany(open);
      const changed: { before: PersonOutcomes; after: StoredOutcomes }[] = [];
      for (const [index, profileId] of open.entries()) {
        const known = stored[index];
        if (known === undefined ? onlyKnown : known.state.isSetAside === true) continue;
        const before = known?.state ?? { profileId, partition, exposures: {} };
        const after = this.#handingOver(await change(before));
        if (after === before) this.#met.note(partition, before);
        else changed.push({ before, after: { state: after, version: known?.version ?? 0 } });
      }
      if (changed.length === 0) return;
      const stood = await this.ports.store.write(changed.map(({ after }) => after));
      for (const [index, { before, after }] of changed.entries()) {
        if (stood[index] !== true) continue;
        recount(sums, before, after.state);
        this.#met.note(partition, after.state);
        if (after.state.handoverTo !== undefined) this.ports.onHandover(after.state.handoverTo);
      }
      this.#unkept.add(partition);
      open = changed.flatMap(({ before }, index) => (stood[index] === true ? [] : [before.profileId]));
    }
  }

  /** A profile that went into another counts no more itself: what it has waits to be taken over. */
  #handingOver(state: PersonOutcomes): PersonOutcomes {
    if (state.mergedInto === undefined || state.handoverTo !== undefined) return state;
    if (Object.keys(state.exposures).length === 0) return state;
    return { ...state, handoverTo: this.ports.partitionOf(state.mergedInto) };
  }
}

/** What of a person counts: one that is being handed over counts nowhere until it has arrived. */
const countedOf = (person: PersonOutcomes): PersonOutcomes['exposures'] =>
  person.handoverTo === undefined ? person.exposures : {};

/**
 * Takes away what counted before and adds what counts now; an exposure that is the same object stayed as it was. All of
 * a person or, where it throws, nothing.
 */
function recount(sums: Sums, before: PersonOutcomes, after: PersonOutcomes): void {
  const former = countedOf(before);
  const present = countedOf(after);
  const counts = [...countsOf(former, present, -1), ...countsOf(present, former, 1)];
  for (const { tactic, arm, outcome, by } of counts) {
    let arms = sums.get(tactic);
    if (arms === undefined) sums.set(tactic, (arms = { treated: noSums, holdout: noSums }));
    arms[arm] = withPerson(arms[arm], outcome, by);
  }
}

function* countsOf(
  these: Readonly<Record<string, Exposure>>,
  others: Readonly<Record<string, Exposure>>,
  by: 1 | -1,
) {
  for (const tactic in these) {
    const exposure = these[tactic];
    if (exposure !== undefined && others[tactic] !== exposure)
      yield { tactic, arm: exposure.arm, outcome: outcomeOf(exposure), by };
  }
}
