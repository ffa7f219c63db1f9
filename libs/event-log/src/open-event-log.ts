import type { EventLog, TopicContract } from './event-log.js';
import {
  applyKafkaTopics,
  checkKafkaTopics,
  openKafkaEventLog,
  type KafkaEventLogOptions,
} from './adapters/kafka-event-log.js';
import { openLmdbEventLog, type LmdbEventLogOptions } from './adapters/lmdb-event-log.js';
import type { TopicDifference } from './adapters/kafka/topic-settings.js';

/** Which engine keeps the log, and what it needs. */
export type EventLogOptions =
  ({ readonly kind: 'lmdb' } & LmdbEventLogOptions) | ({ readonly kind: 'kafka' } & KafkaEventLogOptions);

/** Opens the event log on the engine that the deployment chose. */
export function openEventLog(options: EventLogOptions): Promise<EventLog> {
  return options.kind === 'lmdb' ? openLmdbEventLog(options) : openKafkaEventLog(options);
}

/** What is not as the contracts say; the embedded log makes its topics as they are declared, so there nothing ever is. */
export function checkTopics(
  options: EventLogOptions,
  contracts: readonly TopicContract[],
): Promise<readonly TopicDifference[]> {
  return options.kind === 'lmdb' ? Promise.resolve([]) : checkKafkaTopics(options, contracts);
}

/** Brings the topics to the contracts as far as that moves no record; answers what is left to be done by hand. */
export function applyTopics(
  options: EventLogOptions,
  contracts: readonly TopicContract[],
): Promise<readonly TopicDifference[]> {
  return options.kind === 'lmdb' ? Promise.resolve([]) : applyKafkaTopics(options, contracts);
}
