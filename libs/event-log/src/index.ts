export type {
  Consumer,
  ConsumerOptions,
  EventLog,
  LogRecord,
  NewRecord,
  Position,
  RecordBatch,
  TopicContract,
} from './event-log.js';
