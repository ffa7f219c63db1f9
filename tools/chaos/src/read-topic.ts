import { decodeJson } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';

/** Everything that is on a topic now, by partition. */
export async function readTopic<T>(log: EventLog, topic: string): Promise<readonly T[]> {
  const found: T[] = [];
  for (const [partition, { first, end }] of (await log.bounds(topic)).entries()) {
    for (let at = first; at < end;) {
      const records = await log.read(topic, partition, at, 1000);
      for (const { value } of records) if (value !== null) found.push(decodeJson<T>(value));
      at = (records.at(-1)?.offset ?? end) + 1;
    }
  }
  return found;
}
