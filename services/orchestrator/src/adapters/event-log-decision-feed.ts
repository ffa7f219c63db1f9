import { cloudEventHeaders, encodeJson, topics, type DecisionRecord } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import type { DecisionFeed } from '../ports/decision-ledger.js';

/** `decisions.made.v1`, key profileId. Decisions made at the same time go out in one append. */
export class EventLogDecisionFeed implements DecisionFeed {
  #waiting: { record: DecisionRecord; resolve: () => void; reject: (thrown: unknown) => void }[] = [];
  #appending = false;

  constructor(readonly log: EventLog) {}

  async publish(records: readonly DecisionRecord[]): Promise<void> {
    await Promise.all(
      records.map(
        (record) =>
          new Promise<void>((resolve, reject) => {
            this.#waiting.push({ record, resolve, reject });
            if (!this.#appending) void this.#append();
          }),
      ),
    );
  }

  async #append(): Promise<void> {
    this.#appending = true;
    // One turn of the loop, so that decisions of the same moment meet.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, 500);
      try {
        await this.log.append(
          topics.decisionsMade.name,
          batch.map(({ record }) => ({
            key: record.profileId,
            value: encodeJson(record),
            headers: cloudEventHeaders('rapport.decision.made.v1', record.decisionId, record.at),
          })),
        );
        for (const { resolve } of batch) resolve();
      } catch (thrown) {
        for (const { reject } of batch) reject(thrown);
      }
    }
    this.#appending = false;
  }
}
