import { readRecords, topics, type ReadBatch } from '@rapport/contracts';
import type { ConsumeFailure, Consumer, EventLog } from '@rapport/event-log';
import type { Rejections } from '@rapport/service-host';
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
  readonly rejections: Rejections;
  readonly onFailure: (failure: ConsumeFailure) => void;
}

/** The consumer group of journeys and measurement: both read the same records, decoded once. */
export const journeysGroup = 'journeys';

/** What this room calls itself in `events.rejected.v1`. */
export const journeysStage = 'journeys';

export async function consumeProfileChanges(parts: ProfileChangesParts): Promise<Consumer> {
  const { log, journeys, lift, timers, rejections } = parts;
  const valuesOf = async <T>({ read, refused }: ReadBatch<T>): Promise<readonly T[]> => {
    await rejections.reject(refused);
    return read.map(({ value }) => value);
  };
  return await log.consume({
    group: journeysGroup,
    topics: [topics.profilesChanged.name, topics.decisionsMade.name, topics.deliveriesRecorded.name],
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
      await lift.takeHandovers(batch.partition);
      if (batch.topic === topics.decisionsMade.name) {
        const decided = await valuesOf(await readRecords(topics.decisionsMade.name, batch.records));
        await lift.decided(batch.partition, decided);
        return;
      }
      if (batch.topic === topics.deliveriesRecorded.name) {
        const ended = await valuesOf(await readRecords(topics.deliveriesRecorded.name, batch.records));
        await journeys.delivered(batch.partition, ended);
        return;
      }
      const changes = await valuesOf(await readRecords(topics.profilesChanged.name, batch.records));
      await parts.noteRefusals(changes);
      await journeys.apply(batch.partition, changes);
      await lift.changed(batch.partition, changes);
    },
    onPoison: async (record, thrown) => rejections.poison(record, thrown),
    onFailure: parts.onFailure,
  });
}
