import { readRecords, topics, type ProfileChange } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';

const pauseMs = 100;
const recordsPerRead = 100;

/** Every profile change from now on, per profile in order, until the signal says stop. */
export async function* watchChanges(log: EventLog, stopped: AbortSignal): AsyncGenerator<ProfileChange> {
  const topic = topics.profilesChanged.name;
  const from = (await log.bounds(topic)).map(({ end }) => end);
  while (!stopped.aborted) {
    let found = false;
    for (let partition = 0; partition < from.length; partition++) {
      const records = await log.read(topic, partition, from[partition] ?? 0, recordsPerRead);
      const last = records.at(-1);
      if (last === undefined) continue;
      // What cannot be read is passed over: its consumers refuse it.
      for (const { value } of (await readRecords(topic, records)).read) yield value;
      from[partition] = last.offset + 1;
      found = true;
    }
    if (!found) await pause(stopped);
  }
}

const pause = (stopped: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, pauseMs);
    function done(): void {
      clearTimeout(timer);
      stopped.removeEventListener('abort', done);
      resolve();
    }
    stopped.addEventListener('abort', done);
  });
