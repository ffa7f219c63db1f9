import type { EventLog } from './event-log.js';
import { openLmdbEventLog, type LmdbEventLogOptions } from './adapters/lmdb-event-log.js';

/** Which engine keeps the log, and what it needs. */
export type EventLogOptions = { readonly kind: 'lmdb' } & LmdbEventLogOptions;

/** Opens the event log on the engine that the deployment chose. */
export function openEventLog(options: EventLogOptions): Promise<EventLog> {
  return openLmdbEventLog(options);
}
