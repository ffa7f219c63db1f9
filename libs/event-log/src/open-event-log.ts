import type { EventLog, TopicContract } from './event-log.js';
import type * as kafkaAdapter from './adapters/kafka-event-log.js';
import type { KafkaEventLogOptions, SettledEventLog } from './adapters/kafka-event-log.js';
import type { LmdbEventLogOptions } from './adapters/lmdb-event-log.js';
import type { TopicDifference } from './adapters/kafka/topic-settings.js';

/** Which engine keeps the log, and what it needs. */
export type EventLogOptions =
  ({ readonly kind: 'lmdb' } & LmdbEventLogOptions) | ({ readonly kind: 'kafka' } & KafkaEventLogOptions);

/** Opens the event log on the engine that the deployment chose. */
export function openEventLog(options: EventLogOptions): Promise<EventLog> {
  return options.kind === 'lmdb' ? openLmdbEventLog(options) : openKafkaEventLog(options);
}

/**
 * Opens the event log with its topics as declared: `check` compares, `apply` first does what moves no record. Answers
 * what is not as the contracts say; the embedded log makes its topics so, and throws where it cannot.
 */
export async function openSettledEventLog(
  options: EventLogOptions,
  contracts: readonly TopicContract[],
  how: 'check' | 'apply',
): Promise<SettledEventLog> {
  if (options.kind === 'kafka') return (await kafka()).openSettledKafkaEventLog(options, contracts, how);
  const log = await openLmdbEventLog(options);
  try {
    await log.ensureTopics(contracts);
    return { log, differences: [] };
  } catch (thrown) {
    await log.close();
    throw thrown;
  }
}

/** What is not as the contracts say; the embedded log makes its topics as they are declared, so there nothing ever is. */
export async function checkTopics(
  options: EventLogOptions,
  contracts: readonly TopicContract[],
): Promise<readonly TopicDifference[]> {
  return options.kind === 'lmdb' ? [] : (await kafka()).checkKafkaTopics(options, contracts);
}

/** Brings the topics to the contracts as far as that moves no record; answers what is left to be done by hand. */
export async function applyTopics(
  options: EventLogOptions,
  contracts: readonly TopicContract[],
): Promise<readonly TopicDifference[]> {
  return options.kind === 'lmdb' ? [] : (await kafka()).applyKafkaTopics(options, contracts);
}

// A driver is loaded with the first log that needs it: a process starts sooner without the other one.
const kafka = (): Promise<typeof kafkaAdapter> => import('./adapters/kafka-event-log.js');

/** Opens the event log that a Kafka cluster keeps. */
export async function openKafkaEventLog(options: KafkaEventLogOptions): Promise<EventLog> {
  return (await kafka()).openKafkaEventLog(options);
}

/** Opens the event log that is kept in a folder of this machine, for this process alone. */
export async function openLmdbEventLog(options: LmdbEventLogOptions): Promise<EventLog> {
  return (await import('./adapters/lmdb-event-log.js')).openLmdbEventLog(options);
}
