import { decodeJson, topics, type DecisionRecord, type ProfileChange } from '@rapport/contracts';
import type { ConsumeFailure, Consumer, EventLog, LogRecord } from '@rapport/event-log';
import type { MeasureLift } from '../measure-lift.pipeline.js';
import type { RunJourneys } from '../run-journeys.pipeline.js';
import type { DueTimers } from '../steps/due-timers.js';
import type { NoteRefusals } from '../steps/note-refusals.js';

export interface ProfileChangesParts {
  readonly log: EventLog;
  readonly journeys: RunJourneys;
  readonly lift: MeasureLift;
  readonly noteRefusals: NoteRefusals;
  readonly timers: DueTimers;
  readonly onFailure: (failure: ConsumeFailure) => void;
}

/** The consumer group of journeys and measurement: both read the same records, decoded once. */
export const journeysGroup = 'journeys';

const valuesOf = <T>(records: readonly LogRecord[]): readonly T[] =>
  records.flatMap(({ value }) => (value === null ? [] : [decodeJson<T>(value)]));

export async function consumeProfileChanges(parts: ProfileChangesParts): Promise<Consumer> {
  const { log, journeys, lift, timers } = parts;
  return await log.consume({
    group: journeysGroup,
    topics: [topics.profilesChanged.name, topics.decisionsMade.name],
    onAssigned: async (partition) => {
      await journeys.republish(partition);
      await lift.takeOver(partition);
      await timers.take(partition);
    },
    onRevoked: (partition) => {
      timers.drop(partition);
      lift.giveUp(partition);
    },
    onBatch: async (batch) => {
      if (!batch.owned()) throw new Error(`partition ${batch.partition} belongs to another worker now`);
      await lift.takeHandovers(batch.partition);
      if (batch.topic === topics.decisionsMade.name) {
        await lift.decided(batch.partition, valuesOf<DecisionRecord>(batch.records));
        return;
      }
      const changes = valuesOf<ProfileChange>(batch.records);
      await parts.noteRefusals(changes);
      await journeys.apply(batch.partition, changes);
      await lift.changed(batch.partition, changes);
    },
    onFailure: parts.onFailure,
  });
}
