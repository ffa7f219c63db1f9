import { topics } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';

/** The rooms that an event walks through before it gets here, by consumer group and what they read. */
const upstream: readonly { readonly group: string; readonly topics: readonly string[] }[] = [
  { group: 'identity', topics: [topics.accepted.name] },
  { group: 'profiles', topics: [topics.identified.name, topics.identityChanged.name] },
];

const pauseMs = 5;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function passed(
  log: EventLog,
  group: string,
  topic: string,
  ends: readonly number[],
): Promise<boolean> {
  if (log.committed === undefined) return (await log.groupLag(group, [topic])) === 0;
  const committed = await log.committed(group, topic);
  return ends.every((end, partition) => (committed[partition] ?? 0) >= end);
}

/**
 * Waits until every event that was received before the call has gone through identity and profiles, room by room. So a
 * purchase that came in before a step was due is seen before the step is decided, however busy the platform is. Gives
 * up after the wait: then the step is decided on what is known, and the answer is false.
 */
export async function awaitUpstream(log: EventLog, longestMs: number): Promise<boolean> {
  const until = performance.now() + longestMs;
  for (const room of upstream) {
    for (const topic of room.topics) {
      const ends = (await log.bounds(topic)).map(({ end }) => end);
      while (!(await passed(log, room.group, topic, ends))) {
        if (performance.now() > until) return false;
        await pause(pauseMs);
      }
    }
  }
  return true;
}
