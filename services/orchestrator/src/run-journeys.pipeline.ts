// In: profiles.changed.v1 and deliveries.recorded.v1 (group `journeys`), and the clock. Out: messages.requested.v1 and decisions.made.v1, key profileId.
// Order: per person; before a change seen at r is applied, every step due up to r is decided at its own instant.
// Failure: state and what is still to be published are one document write by compare-and-set; a crash before it repeats
// the work with the same ids, a crash after it publishes what the document holds. Versions already applied are dropped.
import type { DecisionRecord, Delivery, ProfileChange, RequestedMessage } from '@rapport/contracts';
import { messageOf, sparing, type ProfileId } from '@rapport/kernel';
import {
  applyMoment,
  cancelled,
  firstDue,
  momentsOf,
  noJourneys,
  segmentsBefore,
  settled,
  withDelivery,
  withInstance,
  type JourneyPlan,
  type Moment,
  type PersonJourneys,
} from './domain/journeys.js';
import { emptied, mergeJourneys } from './domain/merged-journeys.js';
import type { CapLedger } from './ports/cap-ledger.js';
import type { DecisionFeed } from './ports/decision-ledger.js';
import type { JourneyStore, StoredJourneys } from './ports/journey-store.js';
import type { TakeStep } from './steps/take-step.js';

export interface RunJourneysPorts {
  readonly store: JourneyStore;
  readonly takeStep: TakeStep;
  readonly caps: CapLedger;
  readonly feed: DecisionFeed;
  /** Resolves when the messages are durable in `messages.requested.v1`. */
  readonly request: (messages: readonly RequestedMessage[]) => Promise<void>;
  /** Puts the document of a person that cannot be gone on with into `events.rejected.v1`; resolves when it is durable. */
  readonly reject: (state: PersonJourneys, thrown: unknown) => Promise<void>;
  readonly plans: readonly JourneyPlan[];
  readonly partitionOf: (profileId: string) => number;
  readonly maxAgeMs: number;
  /** Told the earliest due of everything written. */
  readonly onDue: (partition: number, dueMs: number) => void;
}

/** People whose steps are decided side by side. */
const sideBySide = 16;
/** People with something due that are looked at in one go. */
const duePage = 200;
/** Merges in a row that places under the caps follow at once. */
const mostHops = 16;

export class RunJourneys {
  readonly #startEvents: ReadonlySet<string>;
  readonly #exitEvents: ReadonlySet<string>;
  readonly #startSegments: ReadonlySet<string>;

  constructor(readonly ports: RunJourneysPorts) {
    const { plans } = ports;
    this.#startEvents = new Set(plans.flatMap(({ startEvent }) => startEvent ?? []));
    this.#startSegments = new Set(plans.flatMap(({ startSegment }) => startSegment ?? []));
    this.#exitEvents = new Set(plans.flatMap(({ exitOn }) => exitOn));
  }

  /** Applies changes of one partition, in order. */
  async apply(partition: number, changes: readonly ProfileChange[]): Promise<void> {
    const byPerson = new Map<ProfileId, ProfileChange[]>();
    for (const change of changes) {
      const known = byPerson.get(change.profileId);
      if (known) known.push(change);
      else byPerson.set(change.profileId, [change]);
    }
    await this.#updateAll(partition, [...byPerson.keys()], async (state) =>
      this.#advance(state, byPerson.get(state.profileId) ?? []),
    );
  }

  /** Writes what became of messages into their steps: a message that failed was not sent. */
  async delivered(partition: number, deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      // The first end of a message that was sent is what its step says already.
      if (delivery.outcome === 'sent' && delivery.replay === undefined) continue;
      let holder = delivery.profileId;
      for (let hop = 0; hop < mostHops; hop++) {
        const change = (state: PersonJourneys): Promise<PersonJourneys> =>
          Promise.resolve(withDelivery(state, delivery));
        if ((await this.#updateAll(partition, [holder], change)) > 0) break;
        const [stored] = await this.ports.store.getMany([holder]);
        if (stored?.state.mergedInto === undefined) break;
        holder = stored.state.mergedInto;
      }
    }
  }

  /** Decides every step of the partition that is due up to and with an instant; answers how many people it moved. */
  async fireDue(partition: number, untilMs: number): Promise<number> {
    const seen = new Set<string>();
    for (let moved = 0; ;) {
      const due = await this.ports.store.due(partition, untilMs, duePage + seen.size);
      const fresh = due.filter(({ state }) => !seen.has(state.profileId));
      if (fresh.length === 0) return moved;
      // One that stays due (its profile just went into another) is left for the change that says so.
      for (const { state } of fresh) seen.add(state.profileId);
      const ids = fresh.map(({ state }) => state.profileId);
      const fire = async (some: readonly ProfileId[]): Promise<void> => {
        moved += await this.#updateAll(partition, some, async (state) => this.#fire(state, untilMs));
      };
      await sparing(ids, fire, async (id, thrown) => {
        moved++;
        await this.#giveUp(id, thrown);
      });
    }
  }

  /** Publishes what a crash left unpublished. */
  async republish(partition: number): Promise<void> {
    for (;;) {
      const left = await this.ports.store.unpublished(partition, duePage);
      if (left.length === 0) return;
      await this.#publish(left);
    }
  }

  /** Steps of a person that can never be decided end what waits, visibly; the person may start anew. */
  async #giveUp(profileId: ProfileId, thrown: unknown): Promise<void> {
    const [stored] = await this.ports.store.getMany([profileId]);
    if (stored === undefined) throw thrown;
    await this.ports.reject(stored.state, thrown);
    const reason = `it could not be decided: ${messageOf(thrown)}`;
    const ended = stored.state.instances.map((one) =>
      one.state === 'waiting' ? cancelled(one, reason) : one,
    );
    await this.ports.store.write([{ state: settled(stored.state, ended), version: stored.version }]);
  }

  /** What a person holds and the log can never take stays in the rejected topic alone. */
  async #dropOutbox({ state, version }: StoredJourneys, thrown: unknown): Promise<void> {
    await this.ports.reject(state, thrown);
    const { outbox: _outbox, unpublished: _unpublished, ...rest } = state;
    await this.ports.store.write([{ state: rest, version }]);
  }

  /** Reads, changes and writes people until each write stood; publishes what they now hold. Answers how many changed. */
  async #updateAll(
    partition: number,
    ids: readonly ProfileId[],
    change: (state: PersonJourneys) => Promise<PersonJourneys>,
  ): Promise<number> {
    let moved = 0;
    for (let open = ids; open.length > 0;) {
      const stored = await this.ports.store.getMany(open);
      const changed: StoredJourneys[] = [];
      await inParallel(open, async (id, index) => {
        const { state, version } = stored[index] ?? { state: noJourneys(id, partition), version: 0 };
        const after = await change(state);
        if (after !== state) changed.push({ state: after, version });
      });
      if (changed.length === 0) return moved;
      const stood = await this.ports.store.write(changed);
      const written = changed.filter((_, index) => stood[index] === true);
      moved += written.length;
      for (const { state } of written) {
        if (state.dueMs !== undefined) this.ports.onDue(state.partition, state.dueMs);
        // What was due before the merge has just been decided, and reserved for the profile that is no more.
        if (state.mergedInto !== undefined) await this.#moveCaps(state.profileId, state.mergedInto);
      }
      await this.#publish(written.map(({ state, version }) => ({ state, version: version + 1 })));
      const late = changed.filter((_, index) => stood[index] !== true).map(({ state }) => state.profileId);
      // One after the other: two that go into each other would write into each other's documents for ever.
      const [first, ...others] = late;
      open = first === undefined ? [] : [first];
      for (const other of others) moved += await this.#updateAll(partition, [other], change);
    }
    return moved;
  }

  async #publish(people: readonly StoredJourneys[]): Promise<void> {
    await sparing(
      people.filter(({ state }) => state.outbox !== undefined),
      async (full) => this.#publishAll(full),
      async (one, thrown) => this.#dropOutbox(one, thrown),
    );
  }

  async #publishAll(full: readonly StoredJourneys[]): Promise<void> {
    const messages = full.flatMap(({ state }) => state.outbox?.messages ?? []);
    const decisions = full.flatMap(({ state }) => state.outbox?.decisions ?? []);
    await Promise.all([this.ports.feed.publish(decisions), this.ports.request(messages)]);
    const published = new Set([...messages, ...decisions].map(idOfPublished));
    for (let open: readonly StoredJourneys[] = full; open.length > 0;) {
      const stood = await this.ports.store.write(
        open.map(({ state, version }) => ({ state: withoutPublished(state, published), version })),
      );
      // Another write came first (a merge, a cancellation): what it holds now is cleared instead.
      const ids = open.filter((_, index) => stood[index] !== true).map(({ state }) => state.profileId);
      const again = await this.ports.store.getMany(ids);
      open = again.filter((one) => one !== undefined).filter(({ state }) => state.outbox !== undefined);
    }
  }

  async #advance(before: PersonJourneys, changes: readonly ProfileChange[]): Promise<PersonJourneys> {
    let state = before;
    for (const change of changes) {
      // Also when it comes again: a crash may have come between the move and what followed.
      if (change.mergedInto !== undefined) await this.#moveCaps(state.profileId, change.mergedInto);
      if (change.version <= state.version) continue;
      const moments = momentsOf(change, state.asOfMs, this.ports.maxAgeMs);
      if (!this.#concerns(state, change, moments)) continue;
      // Changes that did not matter were not written, so what is stored may be older than the change before this one.
      state = { ...state, segments: segmentsBefore(change) };
      for (const moment of moments) {
        state = await this.#fire(state, moment.atMs);
        state = applyMoment(state, moment, this.ports.plans);
      }
      const asOfMs = Date.parse(change.asOf);
      state = await this.#fire(state, asOfMs);
      const segments = change.view.segments.map(({ name }) => name);
      const { mergedInto: _former, ...rest } = state;
      state = { ...rest, version: change.version, asOfMs: Math.max(asOfMs, state.asOfMs), segments };
      if (change.mergedInto !== undefined) state = await this.#moveInto(state, change.mergedInto);
    }
    return state;
  }

  /** Whether a change can matter: most do not, and then nothing is written. */
  #concerns(state: PersonJourneys, change: ProfileChange, moments: readonly Moment[]): boolean {
    const waits = state.dueMs !== undefined;
    // Always: another profile that went into this one may still have something for it, which then has to go further.
    if (change.mergedInto !== undefined) return true;
    if (state.mergedInto !== undefined) return true;
    if (waits && change.transitions.length > 0) return true;
    return moments.some((moment) =>
      moment.kind === 'event'
        ? this.#startEvents.has(moment.event) || (waits && this.#exitEvents.has(moment.event))
        : moment.kind === 'entered' && this.#startSegments.has(moment.segment),
    );
  }

  /** Decides what is due up to and with an instant, the earliest first, each at its own. */
  async #fire(before: PersonJourneys, untilMs: number): Promise<PersonJourneys> {
    let state = before;
    for (;;) {
      const instance = firstDue(state.instances);
      if (instance?.dueMs === undefined || instance.dueMs > untilMs) return state;
      const taken = await this.ports.takeStep(state, instance, instance.dueMs);
      if (taken === 'elsewhere') return state;
      state = withInstance(state, taken.instance);
      if (taken.decision === undefined) continue;
      const { messages = [], decisions = [] } = state.outbox ?? {};
      state = {
        ...state,
        outbox: {
          messages: taken.message === undefined ? messages : [...messages, taken.message],
          decisions: [...decisions, taken.decision],
        },
        unpublished: state.partition,
      };
    }
  }

  /**
   * Hands the places under the caps to the profile that this one went into, and further where that one went into
   * another meanwhile. A profile writes that it went before it looks through its places once more, and a giver looks
   * where the taker went after it gave: whichever comes second moves them on.
   */
  async #moveCaps(profileId: ProfileId, mergedInto: ProfileId): Promise<void> {
    let giver = profileId;
    let taker = mergedInto;
    for (let hop = 0; hop < mostHops; hop++) {
      await this.ports.caps.move(giver, taker);
      const [stored] = await this.ports.store.getMany([taker]);
      const next = stored?.state.mergedInto;
      if (next === undefined || next === profileId) return;
      giver = taker;
      taker = next;
    }
  }

  /**
   * Hands what is under way to the profile that this one went into. The other document is written first: a crash
   * between the two leaves the instances in both, under the same ids and so with the same messages. Profiles that went
   * into each other in a circle, which only a foreign record can say, end at the last one before it closes.
   */
  async #moveInto(state: PersonJourneys, mergedInto: ProfileId): Promise<PersonJourneys> {
    let elder = mergedInto;
    const passed = new Set([state.profileId, elder]);
    for (;;) {
      const [stored] = await this.ports.store.getMany([elder]);
      const into = stored ?? { state: noJourneys(elder, this.ports.partitionOf(elder)), version: 0 };
      const next = into.state.mergedInto;
      if (next !== undefined && !passed.has(next)) {
        passed.add(next);
        elder = next;
        continue;
      }
      const merged = mergeJourneys(state, into.state, this.ports.plans);
      // Nothing is written that changes nothing: two that go into each other would disturb each other for ever.
      if (merged === into.state) return emptied(state, mergedInto);
      const [stood] = await this.ports.store.write([{ state: merged, version: into.version }]);
      if (stood !== true) continue;
      if (merged.dueMs !== undefined) this.ports.onDue(merged.partition, merged.dueMs);
      return emptied(state, mergedInto);
    }
  }
}

async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: Math.min(sideBySide, items.length) }, worker));
}

const idOfPublished = (one: RequestedMessage | DecisionRecord): string =>
  'messageId' in one ? one.messageId : one.decisionId;

function withoutPublished(before: PersonJourneys, published: ReadonlySet<string>): PersonJourneys {
  const { outbox, unpublished: _unpublished, ...state } = before;
  const left = <T extends RequestedMessage | DecisionRecord>(all: readonly T[] = []): readonly T[] =>
    all.filter((one) => !published.has(idOfPublished(one)));
  const messages = left(outbox?.messages);
  const decisions = left(outbox?.decisions);
  if (messages.length === 0 && decisions.length === 0) return state;
  return { ...state, outbox: { messages, decisions }, unpublished: before.partition };
}
