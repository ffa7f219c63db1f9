import { topics } from '@rapport/contracts';
import type { Consumer } from '@rapport/event-log';
import { messageOf, VirtualClock } from '@rapport/kernel';
import { rejectionsOf, type Host } from '@rapport/service-host';
import { DocumentJourneyStore, journeyCollection } from './adapters/document-journey-store.js';
import { DocumentLiftStore, outcomeCollection, sumsCollection } from './adapters/document-lift-store.js';
import { createRequestMessages } from './adapters/event-log-message-requests.js';
import { LateCollection } from './adapters/late-collection.js';
import type { DecisionParts } from './decisions.module.js';
import { readJourneys } from './domain/journeys.js';
import { MeasureLift } from './measure-lift.pipeline.js';
import type { OrchestratorConfig } from './orchestrator.config.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import { RunJourneys } from './run-journeys.pipeline.js';
import { awaitUpstream } from './steps/await-upstream.js';
import { DueTimers, takenOver } from './steps/due-timers.js';
import { createNoteRefusals, type NoteRefusals } from './steps/note-refusals.js';
import { consumeProfileChanges, journeysStage } from './transport/profile-changes.consumer.js';

/** How old the sums behind GET /v1/tactics may be. */
const keepSumsEveryMs = 500;

/** The part of the room that follows profiles: journeys and measurement. */
export class JourneyParts {
  readonly store: DocumentJourneyStore;
  readonly lifts: DocumentLiftStore;
  readonly #host: Host;
  readonly #journeys: RunJourneys;
  readonly #lift: MeasureLift;
  readonly #noteRefusals: NoteRefusals;
  readonly #timers: DueTimers;
  readonly #collections;
  readonly #rejections;
  readonly #handovers = new Set<Promise<void>>();
  #consumer: Consumer | undefined;
  #keeping: NodeJS.Timeout | undefined;
  #kept = Promise.resolve();

  constructor(
    host: Host,
    config: OrchestratorConfig,
    metrics: OrchestratorMetrics,
    decisions: DecisionParts,
  ) {
    this.#host = host;
    const journeys = new LateCollection(journeyCollection);
    const outcomes = new LateCollection(outcomeCollection);
    const sums = new LateCollection(sumsCollection);
    this.#collections = [journeys, outcomes, sums];
    this.store = new DocumentJourneyStore(journeys);
    this.lifts = new DocumentLiftStore(outcomes, sums);
    const rejections = rejectionsOf(host, journeysStage);
    this.#rejections = rejections;
    const partitionOf = (profileId: string): number =>
      host.log.partitionOf(topics.profilesChanged.name, profileId);
    this.#journeys = new RunJourneys({
      store: this.store,
      takeStep: decisions.takeStep,
      caps: decisions.caps,
      feed: decisions.feed,
      request: createRequestMessages(host.log),
      reject: async (state, thrown) =>
        rejections.document(
          { collection: journeyCollection.name, id: state.profileId, content: state },
          thrown,
        ),
      plans: readJourneys(host.playbook.journeys),
      partitionOf,
      maxAgeMs: config.RAPPORT_JOURNEY_MAX_AGE,
      onDue: (partition, dueMs) => this.#timers.note(partition, dueMs),
    });
    this.#lift = new MeasureLift({
      store: this.lifts,
      people: decisions.people,
      tactics: decisions.book.byName,
      partitionOf,
      reject: async (state, thrown) =>
        rejections.document(
          { collection: outcomeCollection.name, id: state.profileId, content: state },
          thrown,
        ),
      onHandover: (partition) => this.#kick(partition),
    });
    this.#noteRefusals = createNoteRefusals(decisions.refusals);
    this.#timers = new DueTimers({
      clock: host.clock,
      nextDue: async (partition) => this.store.nextDue(partition),
      fire: async (partition, untilMs) =>
        (await this.#consumer?.exclusively(partition, async () =>
          this.#journeys.fireDue(partition, untilMs),
        )) ?? 0,
      whenCaughtUp: async () => {
        if (!(await awaitUpstream(host.log, config.RAPPORT_JOURNEY_UPSTREAM_WAIT)))
          metrics.upstreamWaitExceeded();
        await this.#consumer?.caughtUp();
      },
      onFailure: (thrown) =>
        host.telemetry.log.error(
          { cause: messageOf(thrown) },
          'due steps could not be decided; they are tried again',
        ),
    });
  }

  async open(): Promise<void> {
    await Promise.all(this.#collections.map((collection) => collection.open(this.#host.store)));
  }

  async start(): Promise<void> {
    this.#consumer = await consumeProfileChanges({
      log: this.#host.log,
      journeys: this.#journeys,
      lift: this.#lift,
      noteRefusals: this.#noteRefusals,
      timers: this.#timers,
      rejections: this.#rejections,
      onFailure: (failure) => this.#failed(failure),
    });
    this.#keeping = setInterval(() => void this.#keepSums(), keepSumsEveryMs).unref();
  }

  /** Handles what there is and, in virtual time, fires what is due; answers how much that was. */
  async settle(): Promise<number> {
    if (this.#consumer === undefined) return 0;
    await takenOver(this.#consumer, this.#timers);
    await this.#consumer.caughtUp();
    const fired = this.#host.clock instanceof VirtualClock ? await this.#timers.fireAll() : 0;
    await this.#consumer.caughtUp();
    await Promise.allSettled(this.#handovers);
    await this.#keepSums();
    return fired;
  }

  async lag(): Promise<number> {
    return (await this.#consumer?.lag()) ?? 0;
  }

  async stop(): Promise<void> {
    clearInterval(this.#keeping);
    // A step that waits until the consumer has caught up would wait for ever where a batch cannot be handled.
    await Promise.all([this.#timers.stop(), this.#consumer?.stop()]);
    await this.#keepSums();
    await Promise.allSettled(this.#handovers);
  }

  /** After what is being written already, so that who waits for this finds the newest sums in the store. */
  async #keepSums(): Promise<void> {
    await (this.#kept = this.#kept.then(async () => this.#keepSumsNow()));
  }

  async #keepSumsNow(): Promise<void> {
    try {
      await this.#lift.keepSums();
    } catch (thrown) {
      this.#host.telemetry.log.warn({ cause: messageOf(thrown) }, 'the sums of lifts are told later');
    }
  }

  /** Where the partition is ours, its handovers are taken at once; otherwise its owner finds them with its next batch. */
  #kick(partition: number): void {
    const consumer = this.#consumer;
    if (consumer?.assigned().includes(partition) !== true) return;
    const taken = consumer
      .exclusively(partition, async () => this.#lift.takeHandovers(partition))
      .catch((thrown: unknown) => {
        this.#host.telemetry.log.warn({ cause: messageOf(thrown) }, 'a handover waits for the next batch');
      });
    this.#handovers.add(taken);
    void taken.finally(() => this.#handovers.delete(taken));
  }

  #failed({ partition, thrown, retryInMs }: { partition: number; thrown: unknown; retryInMs: number }): void {
    const cause = messageOf(thrown);
    this.#host.telemetry.log.error(
      { partition, cause, retryInMs },
      'profile changes could not be handled; tried again',
    );
  }
}
