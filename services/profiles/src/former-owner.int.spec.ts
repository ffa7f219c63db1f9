import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJson, encodeJson, topics, type IdentifiedEvent, type ProfileChange } from '@rapport/contracts';
import { openDocumentStore, type DocumentStore } from '@rapport/document-store';
import { openEventLog, type EventLog } from '@rapport/event-log';
import { createTelemetry } from '@rapport/telemetry';
import { DocumentIdentifierIndex } from './adapters/document-identifier-index.js';
import { DocumentPeopleStore } from './adapters/document-people-store.js';
import { DocumentSegmentMembers } from './adapters/document-segment-members.js';
import { DocumentTimeline } from './adapters/document-timeline.js';
import { LogChangeFeed } from './adapters/log-change-feed.js';
import { compileDefinitions } from './domain/compile-definitions.js';
import { accepted, epochMs, identified, profileId } from './fixtures/events.js';
import { playbookOf, segment } from './fixtures/playbooks.js';
import type { ProfilesPorts } from './ports/profiles-ports.js';
import { ProfilesCounts } from './profiles.metrics.js';
import { UpdateProfiles, type PartitionBatch } from './update-profiles.pipeline.js';

const ada = profileId('ada');
const definitions = compileDefinitions(
  playbookOf(
    [{ name: 'views', kind: 'count', on: { event: 'Product Viewed' } }],
    [segment('viewers', { did: { event: 'Product Viewed', atLeast: 1, within: '7d' } })],
  ),
);

describe('a worker that does not know yet that its partition is another’s', () => {
  let folder: string;
  let log: EventLog;
  let store: DocumentStore;
  let ports: ProfilesPorts;
  let partition: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-profiles-'));
    log = await openEventLog({ kind: 'lmdb', path: join(folder, 'log') });
    await log.ensureTopics(Object.values(topics));
    store = await openDocumentStore({ kind: 'lmdb', path: join(folder, 'store') });
    partition = log.partitionOf(topics.identified.name, ada);
    const people = await DocumentPeopleStore.open(store);
    ports = {
      people,
      ledger: people,
      timeline: await DocumentTimeline.open(store),
      identifiers: await DocumentIdentifierIndex.open(store),
      members: await DocumentSegmentMembers.open(store, () => false),
      feed: new LogChangeFeed(log),
      directory: { resolve: () => Promise.resolve(ada) },
      predictor: { score: () => Promise.resolve(undefined), failure: () => undefined },
      meter: new ProfilesCounts(createTelemetry({ service: 'profiles', level: 'silent' })),
      now: () => epochMs,
    };
  });
  afterEach(async () => {
    await log.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  const worker = async (): Promise<UpdateProfiles> => {
    const made = new UpdateProfiles(ports, definitions, {
      peopleInMemory: 100,
      onDue: () => undefined,
      onReceived: () => undefined,
    });
    await made.takeOver(partition);
    made.caughtUp();
    return made;
  };
  const view = (n: number): IdentifiedEvent =>
    identified(accepted({ event: 'Product Viewed', messageId: `view-${n}`, atMs: epochMs + n }), ada);
  /** Appends events and answers them as a batch; `checks`: how often it is still owned when asked. */
  const batchOf = async (
    events: readonly IdentifiedEvent[],
  ): Promise<(checks?: number) => PartitionBatch> => {
    const topic = topics.identified.name;
    const positions = await log.append(
      topic,
      events.map((event) => ({ key: event.profileId, value: encodeJson(event) })),
    );
    const records = events.map((event, index) => ({
      offset: positions[index]?.offset ?? -1,
      key: event.profileId,
      bytes: encodeJson(event),
    }));
    return (checks = Infinity) => {
      let left = checks;
      return { topic, partition, records, owned: () => left-- > 0 };
    };
  };
  const countOf = async (): Promise<number> => {
    const reader = await worker();
    const found = await reader.handOf(partition)?.people([ada]);
    return Number(found?.get(ada)?.person.facts.allComputed(epochMs + 1000)['views']);
  };
  const told = async (): Promise<readonly string[]> => {
    const changes = await log.read(
      topics.profilesChanged.name,
      log.partitionOf(topics.profilesChanged.name, ada),
      0,
      1000,
    );
    const seen = new Map<string, ProfileChange>();
    for (const { value } of changes) {
      const change = decodeJson<ProfileChange>(value ?? new Uint8Array());
      const key = `${change.profileId}:${change.version}`;
      if (!seen.has(key)) seen.set(key, change);
    }
    return [...seen.values()].flatMap(({ events }) => events.map(({ messageId }) => messageId));
  };

  it.each([1, 2])(
    'leaves nothing half done behind when it notices at its write number %i',
    async (checks) => {
      const former = await worker();
      await former.identified((await batchOf([view(1)]))());
      const present = await worker();
      const batch = await batchOf([view(2)]);
      await expect(former.identified(batch(checks - 1))).rejects.toThrow('belongs to another worker now');
      await present.identified(batch());
      await present.identified((await batchOf([view(3)]))());
      expect(await countOf()).toBe(3);
      expect(await told()).toEqual(['view-1', 'view-2', 'view-3']);
    },
  );
});
