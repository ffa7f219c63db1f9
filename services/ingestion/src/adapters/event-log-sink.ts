import { topics } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import type { EventSink } from '../ports/event-sink.js';

/** The two topics of the front door in the event log. */
export function eventLogSink(log: Pick<EventLog, 'append'>): EventSink {
  return {
    append: async (accepted, rejected) => {
      if (rejected.length === 0) await log.append(topics.accepted.name, accepted);
      else if (accepted.length === 0) await log.append(topics.rejected.name, rejected);
      else {
        await Promise.all([
          log.append(topics.accepted.name, accepted),
          log.append(topics.rejected.name, rejected),
        ]);
      }
    },
  };
}
