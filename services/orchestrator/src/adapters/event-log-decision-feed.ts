import { cloudEventHeaders, topics, type DecisionRecord } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import { RapportError, sparing } from '@rapport/kernel';
import type { DecisionFeed, DecisionLedger } from '../ports/decision-ledger.js';
import { jsonOf } from './record-json.js';

/** Decisions that may wait for the log; beyond it, no more are made. */
const maxWaiting = 20_000;
const maxBatch = 500;
const afterFailureMs = 500;
const gatherMs = 15;
/** Marks matter only after a crash, so they are taken away many at a time. */
const clearAfterMs = 250;

/**
 * `decisions.made.v1`, key profileId. Decisions of the request path follow their answers: the ledger marks what is not
 * published yet, so a crash in between loses nothing.
 */
export class EventLogDecisionFeed implements DecisionFeed {
  readonly #waiting: DecisionRecord[] = [];
  #published: string[] = [];
  #clearing: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    readonly log: EventLog,
    readonly ledger: Pick<DecisionLedger, 'published' | 'unpublished'>,
    readonly onFailure: (thrown: unknown) => void,
    /** Takes a decision that the log can never take; resolves when it is durable elsewhere. */
    readonly onUnusable: (record: DecisionRecord, thrown: unknown) => Promise<void>,
  ) {}

  async publish(records: readonly DecisionRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.log.append(
      topics.decisionsMade.name,
      records.map((record) => ({
        key: record.profileId,
        value: Buffer.from(jsonOf(record)),
        headers: cloudEventHeaders('rapport.decision.made.v1', record.decisionId, record.at),
      })),
    );
    for (const { decisionId } of records) this.#published.push(decisionId);
    this.#clearing ??= setTimeout(() => void this.#clear().catch(this.onFailure), clearAfterMs).unref();
  }

  publishSoon(record: DecisionRecord): void {
    if (this.#waiting.length >= maxWaiting) {
      throw new RapportError(
        'ORCHESTRATOR_FEED_BEHIND',
        'exhausted',
        `${maxWaiting} decisions wait for ${topics.decisionsMade.name}; ask again in a moment`,
        '1',
      );
    }
    this.#waiting.push(record);
    this.#running ??= this.#run();
  }

  /** Publishes what an earlier process left marked. */
  async recover(): Promise<void> {
    for (;;) {
      const left = await this.ledger.unpublished(maxBatch);
      if (left.length === 0) return;
      await this.#publishAll(left);
      await this.#clear();
    }
  }

  /** Resolves when everything that was handed over is published. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Publishes what waits; what the log does not take now stays marked in the ledger. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#clear();
  }

  /** One that the log can never take stays in the ledger and holds up no other. */
  async #publishAll(records: readonly DecisionRecord[]): Promise<void> {
    await sparing(
      records,
      async (some) => this.publish(some),
      async (record, thrown) => {
        await this.onUnusable(record, thrown);
        this.#published.push(record.decisionId);
      },
    );
  }

  async #clear(): Promise<void> {
    clearTimeout(this.#clearing);
    this.#clearing = undefined;
    const ids = this.#published.splice(0);
    if (ids.length > 0) await this.ledger.published(ids);
  }

  async #run(): Promise<void> {
    // Nobody waits for the topic: decisions of the same moment go out, and are read, together.
    await new Promise((resolve) => setTimeout(resolve, gatherMs));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, maxBatch);
      try {
        await this.#publishAll(batch);
        this.#waiting.splice(0, batch.length);
      } catch (thrown) {
        this.onFailure(thrown);
        if (this.#isStopped) break;
        await new Promise((resolve) => setTimeout(resolve, afterFailureMs));
      }
    }
    this.#running = undefined;
  }
}
