import { decodeJson, topics, type ProfileChange } from '@rapport/contracts';
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
      for (const record of await log.read(topic, partition, from[partition] ?? 0, recordsPerRead)) {
        from[partition] = record.offset + 1;
        found = true;
        if (record.value !== null) yield decodeJson<ProfileChange>(record.value);
      }
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
