import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeJson, partitionCount, topics, type ProfileChange } from '@rapport/contracts';
import { openEventLog, type EventLog } from '@rapport/event-log';
import { ChangeWatch } from './change-watch.js';

const topic = topics.profilesChanged.name;
let folder: string;
let log: EventLog;
/** How often the log was read. */
let reads = 0;
let stop: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rapport-watch-'));
  log = await openEventLog({ kind: 'lmdb', path: folder });
  await log.ensureTopics([topics.profilesChanged]);
  reads = 0;
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  for (const watch of opened.splice(0)) watch.stop();
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

const opened: ChangeWatch[] = [];
function watchOf(...given: ConstructorParameters<typeof ChangeWatch>): ChangeWatch {
  const watch = new ChangeWatch(...given);
  opened.push(watch);
  return watch;
}

const counted = (): EventLog =>
  new Proxy(log, {
    get: (target, name: keyof EventLog) => {
      if (name === 'read') reads++;
      const member = target[name];
      return typeof member === 'function' ? (member as () => unknown).bind(target) : member;
    },
  });

const at = '2026-03-01T00:00:00.000Z';
const change = (profileId: string, version: number, note = ''): ProfileChange => ({
  profileId: profileId as ProfileChange['profileId'],
  version,
  asOf: at,
  transitions: [],
  events: [],
  view: {
    profileId: profileId as ProfileChange['profileId'],
    identifiers: [],
    traits: {},
    computedTraits: { note },
    segments: [],
    consent: {},
  },
});
const publish = (changes: readonly ProfileChange[]) =>
  log.append(
    topic,
    changes.map((one) => ({ key: String(one.profileId), value: encodeJson(one) })),
  );

/** Begins to watch; what was published after this has resolved comes. */
async function begin(watch: ChangeWatch): Promise<AsyncGenerator<ProfileChange>> {
  const changes = watch.changes(stop.signal);
  const first = changes.next();
  first.catch(() => undefined);
  await log.bounds(topic);
  return (async function* () {
    try {
      const { value, done } = await first;
      if (done === true) return;
      yield value;
      yield* changes;
    } finally {
      await changes.return(undefined);
    }
  })();
}
async function take(changes: AsyncGenerator<ProfileChange>, count: number): Promise<ProfileChange[]> {
  const taken: ProfileChange[] = [];
  while (taken.length < count) {
    const { value, done } = await changes.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

describe('ChangeWatch', () => {
  it('gives everybody who watches every change, each profile in order, and reads the topic once', async () => {
    const count = 40;
    const changes = Array.from({ length: count }, (_, index) => change(`p_${index % 7}`, index));
    const readsFor = async (watchers: number): Promise<void> => {
      const watch = watchOf(counted(), { maxWatchers: watchers, maxBehindBytes: 1 << 20 });
      const watching = await Promise.all(Array.from({ length: watchers }, () => begin(watch)));
      reads = 0;
      const startedMs = performance.now();
      await publish(changes);
      for (const seen of await Promise.all(watching.map((one) => take(one, count)))) {
        for (const person of new Set(changes.map(({ profileId }) => profileId))) {
          const versions = (of: readonly ProfileChange[]) =>
            of.filter(({ profileId }) => profileId === person).map(({ version }) => version);
          expect(versions(seen)).toEqual(versions(changes));
        }
      }
      // A turn over the partitions every 100 ms, and those that found something at once another.
      const turns = 3 + (performance.now() - startedMs) / 100;
      expect(reads).toBeLessThanOrEqual(turns * partitionCount);
      watch.stop();
    };
    await readsFor(1);
    await readsFor(60);
  });

  it('ends who reads too slowly with the reason, and nobody else', async () => {
    const note = 'x'.repeat(6000);
    const watch = watchOf(log, { maxWatchers: 2, maxBehindBytes: 20_000 });
    const [quick, slow] = [await begin(watch), await begin(watch)];
    await publish([change('p_1', 0, note)]);
    expect(await take(slow, 1)).toHaveLength(1);
    for (let version = 0; version < 10; version++) {
      await take(quick, 1);
      await publish([change('p_1', version + 1, note)]);
    }
    await expect(take(slow, 10)).rejects.toMatchObject({
      code: 'PROFILES_WATCH_TOO_SLOW',
      status: 'exhausted',
    });
    expect(await take(quick, 1)).toMatchObject([{ version: 10 }]);
  });

  it('lets in as many as may, and another one when somebody has left', async () => {
    const watch = watchOf(log, { maxWatchers: 2, maxBehindBytes: 1 << 20 });
    const [first] = [await begin(watch), await begin(watch)];
    await expect(watch.changes(stop.signal).next()).rejects.toMatchObject({
      code: 'PROFILES_WATCHERS_TOO_MANY',
      status: 'exhausted',
    });
    await publish([change('p_1', 1)]);
    await take(first, 1);
    await first.return(undefined);
    const another = await begin(watch);
    await publish([change('p_1', 2)]);
    expect((await take(another, 1)).length).toBe(1);
  });

  it('passes over a record that is no change', async () => {
    const watch = watchOf(log, { maxWatchers: 1, maxBehindBytes: 1 << 20 });
    const changes = await begin(watch);
    await log.append(topic, [
      { key: 'p_1', value: Buffer.from('not json') },
      { key: 'p_1', value: null },
      { key: 'p_1', value: encodeJson(change('p_1', 3)) },
    ]);
    expect(await take(changes, 1)).toMatchObject([{ version: 3 }]);
  });
});
