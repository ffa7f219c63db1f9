export type {
  Admission,
  ConsumeFailure,
  Consumer,
  ConsumerOptions,
  EventLog,
  LogRecord,
  NewRecord,
  Position,
  RecordBatch,
  TopicContract,
} from './event-log.js';
export {
  applyTopics,
  checkTopics,
  openEventLog,
  openKafkaEventLog,
  openLmdbEventLog,
  openSettledEventLog,
  type EventLogOptions,
} from './open-event-log.js';
export type { LmdbEventLogOptions } from './adapters/lmdb-event-log.js';
export type { KafkaEventLogOptions, SettledEventLog } from './adapters/kafka-event-log.js';
export type { TopicDifference } from './adapters/kafka/topic-settings.js';
export { murmur2, partitionOfKey } from './partitioner.js';
export { maxRecordBytes, maxRecordKeyBytes } from './record-limits.js';
