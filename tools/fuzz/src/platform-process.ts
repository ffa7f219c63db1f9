import { monitorEventLoopDelay } from 'node:perf_hooks';
import { topics } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import { runPlatform } from '@rapport/platform';
import type { EventLog } from '@rapport/event-log';
import type { Answers, Ask, GroupLag } from './asks.js';
import { consumerGroups } from './consumer-groups.js';

// The platform as `services/platform/dist/main.js` runs it, with one door more: its parent may put raw records into any
// topic and ask for the lag of each group, because the embedded log can be opened by one process only.
const shownCharacters = 2_000;

async function lagOf(log: EventLog, group: string, names: readonly string[]): Promise<GroupLag> {
  const lag = await log.groupLag(group, names);
  const waitsAt: GroupLag['waitsAt'][number][] = [];
  for (const topic of lag === 0 ? [] : names) {
    for (const [partition, offset] of ((await log.committed?.(group, topic)) ?? []).entries()) {
      const [record] = await log.read(topic, partition, offset, 1);
      if (record === undefined) continue;
      const value = record.value === null ? 'null' : Buffer.from(record.value).toString('utf8');
      waitsAt.push({
        topic,
        partition,
        offset: record.offset,
        key: record.key.slice(0, shownCharacters),
        value: value.slice(0, shownCharacters),
      });
    }
  }
  return { group, lag, waitsAt };
}

async function refusedIn(log: EventLog): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const [partition, { first, end }] of (await log.bounds(topics.rejected.name)).entries()) {
    for (let at = first; at < end;) {
      // Originals are long: few at a time, so that what is measured of the event loop is the platform's.
      const records = await log.read(topics.rejected.name, partition, at, 50);
      if (records.length === 0) break;
      for (const { value } of records) refused.push(...messageIdsOf(value));
      at = (records.at(-1)?.offset ?? end) + 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return refused;
}

/** Of a rejection itself, and of the event in its original: rooms behind the door name only the latter. */
function messageIdsOf(value: Uint8Array | null): string[] {
  const rejection = objectIn(value === null ? '' : Buffer.from(value).toString('utf8'));
  const original = objectIn(typeof rejection['original'] === 'string' ? rejection['original'] : '');
  return [rejection['messageId'], original['messageId']].filter((id) => typeof id === 'string');
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();

async function answer(log: EventLog, asked: Ask): Promise<Answers[Ask['ask']]> {
  switch (asked.ask) {
    case 'append':
      try {
        await log.append(
          asked.topic,
          asked.records.map(({ key, value, headers }) => ({
            key,
            value: value === null ? null : Buffer.from(value, 'base64'),
            ...(headers === undefined ? {} : { headers }),
          })),
        );
        return {};
      } catch (thrown) {
        return { refused: messageOf(thrown) };
      }
    case 'lags':
      return await Promise.all(consumerGroups.map(({ group, topics: names }) => lagOf(log, group, names)));
    case 'refused':
      return await refusedIn(log);
    case 'standstill': {
      const ms = delays.max / 1e6;
      delays.reset();
      return { ms };
    }
  }
}

try {
  const running = await runPlatform(process.env);
  const { httpUrl, grpcAddress, metricsUrl } = running;
  process.on('message', ({ id, ...asked }: Ask & { readonly id: number }) => {
    void answer(running.host.log, asked).then(
      (said) => process.send?.({ kind: 'answer', id, said }),
      (thrown: unknown) => process.send?.({ kind: 'answer', id, failed: messageOf(thrown) }),
    );
  });
  process.send?.({ kind: 'ready', httpUrl, grpcAddress, metricsUrl });
  const stop = (): void => void running.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
} catch (thrown) {
  process.stderr.write(`the platform did not start: ${messageOf(thrown)}\n`);
  process.exitCode = 1;
  process.disconnect?.();
}
