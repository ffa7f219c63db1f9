import { Module } from '@nestjs/common';
import { identityProto, ingestionProto, modelsProto, partitionCount } from '@rapport/contracts';
import type { Consumer } from '@rapport/event-log';
import { messageOf, RapportError, VirtualClock, type ProfileId } from '@rapport/kernel';
import {
  grpcBinding,
  HOST,
  ownWriteKey,
  rejectionsOf,
  Rooms,
  type Host,
  type Room,
} from '@rapport/service-host';
import { DocumentIdentifierIndex } from './adapters/document-identifier-index.js';
import { DocumentPeopleStore, peopleCollection } from './adapters/document-people-store.js';
import { DocumentSegmentMembers } from './adapters/document-segment-members.js';
import { DocumentTimeline } from './adapters/document-timeline.js';
import { ServiceIdentityDirectory } from './adapters/identity-directory.js';
import { IngestionOwnEvents } from './adapters/ingestion-own-events.js';
import { LogChangeFeed } from './adapters/log-change-feed.js';
import { ModelsPredictor } from './adapters/models-predictor.js';
import { compileDefinitions } from './domain/compile-definitions.js';
import type { Definitions } from './domain/definitions.js';
import { readProfilesConfig, type ProfilesConfig } from './profiles.config.js';
import { profilesErrors } from './profiles.errors.js';
import { ProfilesCounts } from './profiles.metrics.js';
import { ReadProfiles } from './read-profiles.pipeline.js';
import { PersonFinder } from './steps/find-person.js';
import type { PeopleAtHand } from './steps/people-at-hand.js';
import { ChangeWatch } from './transport/change-watch.js';
import { DefinitionSweep } from './transport/definition-sweep.js';
import { DueTimers } from './transport/due-timers.js';
import { Horizon } from './transport/horizon.js';
import { consumeProfileTopics } from './transport/profile-topics.consumer.js';
import { ProfilesGrpc, profilesContract, type ProfilesGrpcParts } from './transport/profiles.grpc.js';
import { mountProfiles } from './transport/profiles.http.js';
import { UpdateProfiles } from './update-profiles.pipeline.js';

/** The token under which Nest knows the room. */
export const PROFILES_ROOM = Symbol('PROFILES_ROOM');

/** One profile per person. */
@Module({
  providers: [
    {
      provide: PROFILES_ROOM,
      inject: [HOST, Rooms],
      useFactory: (host: Host, rooms: Rooms) => rooms.add(createProfilesRoom(host)),
    },
  ],
})
export class ProfilesModule {}

/** What exists once the room has started. */
interface OpenRoom extends ProfilesGrpcParts {
  readonly consumer: Consumer;
  readonly timers: DueTimers;
  readonly sweep: DefinitionSweep;
  readonly pipeline: UpdateProfiles;
  readonly predictor: ModelsPredictor;
  readonly changeWatch: ChangeWatch;
  readonly countPeople: () => Promise<number>;
}

/** Puts the room together; nothing is opened before `start`. */
export function createProfilesRoom(host: Host): Room {
  const config = readProfilesConfig(host.environment);
  const definitions = compileDefinitions(host.playbook);
  const counts = new ProfilesCounts(host.telemetry);
  let open: OpenRoom | undefined;
  const opened = (): OpenRoom => {
    if (open !== undefined) return open;
    throw new RapportError(
      profilesErrors.starting,
      'unavailable',
      'the profiles are being opened; ask again in a moment',
    );
  };
  return {
    name: 'profiles',
    grpc: [
      grpcBinding(profilesContract, new ProfilesGrpc(opened), {
        getProfile: 'people.read',
        batchGetFeatures: 'people.read',
        getTimeline: 'people.read',
        watchProfiles: 'people.read',
        listSegment: 'people.read',
        exportPerson: 'privacy.export',
        erasePerson: 'privacy.erase',
        setConsent: 'consent.write',
      }),
    ],
    routes: (http) =>
      mountProfiles(http, {
        read: () => opened().read,
        segments: host.playbook.segments,
        now: () => host.clock.now(),
      }),
    start: async () => {
      open = await openRoom(host, config, definitions, counts);
    },
    readiness: () => Promise.resolve(open === undefined ? 'opening the profiles' : open.predictor.failure()),
    settle: async () => {
      if (open === undefined) return;
      const { consumer, sweep, timers, pipeline } = open;
      // A partition's turn comes once it was taken over.
      for (const partition of consumer.assigned())
        await consumer.exclusively(partition, () => Promise.resolve());
      await sweep.settle();
      do await consumer.caughtUp();
      while ((await timers.fireAll(host.clock.now())) > 0 || (await consumer.lag()) > 0);
      pipeline.caughtUp();
    },
    status: async () => ({
      ...counts.status(),
      ...(open === undefined ? {} : { people: await open.countPeople(), lag: await open.consumer.lag() }),
    }),
    stop: async () => {
      open?.timers.stop();
      open?.predictor.stop();
      open?.changeWatch.stop();
      // A sweep that waits for the consumer ends with it.
      await Promise.all([open?.sweep.stop(), open?.consumer.stop()]);
      await open?.pipeline.close();
      open = undefined;
    },
  };
}

async function openRoom(
  host: Host,
  config: ProfilesConfig,
  definitions: Definitions,
  counts: ProfilesCounts,
): Promise<OpenRoom> {
  const { clock, log, store, calls, telemetry } = host;
  // Batches may come before `consume` answers.
  const running: { consumer?: Consumer } = {};
  const assigned = (): readonly number[] => running.consumer?.assigned() ?? [];
  const [people, timeline, identifiers, members] = await Promise.all([
    DocumentPeopleStore.open(store),
    DocumentTimeline.open(store),
    DocumentIdentifierIndex.open(store),
    DocumentSegmentMembers.open(store, () => assigned().length === partitionCount),
  ]);
  const predictor = new ModelsPredictor(
    calls.to<modelsProto.ModelsService>(modelsProto.ModelsServiceDefinition),
    (model, cause) =>
      telemetry.log.warn({ model, cause }, 'no scores; predictions keep what they were, or do not hold'),
  );
  const rejections = rejectionsOf(host, 'profiles');
  const pipeline = new UpdateProfiles(
    {
      people,
      ledger: people,
      timeline,
      identifiers,
      members,
      feed: new LogChangeFeed(log),
      directory: new ServiceIdentityDirectory(
        calls.to<identityProto.IdentityService>(identityProto.IdentityServiceDefinition),
      ),
      predictor,
      meter: counts,
      reject: (refused) => rejections.reject(refused),
      rejectPerson: (id, content, thrown) =>
        rejections.document({ collection: peopleCollection, id, content }, thrown),
      now: () => clock.now(),
    },
    definitions,
    {
      peopleInMemory: Math.ceil(config.peopleInMemory / partitionCount),
      onDue: (partition, dueMs) => timers.note(partition, dueMs),
      onReceived: (receivedMs) => horizon.received(receivedMs),
    },
  );
  const horizon = new Horizon({
    log,
    consumer: () => running.consumer,
    now: () => clock.now(),
    graceMs: config.timerGraceMs,
    onCaughtUp: () => pipeline.caughtUp(),
  });
  const timers = new DueTimers({
    fire: (partition, atMs) => pipeline.fireDue(partition, atMs, () => assigned().includes(partition)),
    earliestDue: (partition) => people.earliestDue(partition),
    now: () => clock.now(),
    horizon: () => horizon.instant(),
    runsByItself: !(clock instanceof VirtualClock),
    onFailure: (thrown) =>
      telemetry.log.warn({ cause: messageOf(thrown) }, 'due timers did not fire; they are tried again'),
  });
  const sweep = new DefinitionSweep(pipeline, (thrown) =>
    telemetry.log.warn(
      { cause: messageOf(thrown) },
      'people were not decided by the new definitions; they are tried again',
    ),
  );
  const consumer = await consumeProfileTopics({
    log,
    pipeline,
    maxBatch: config.maxBatch,
    onAssigned: async (partition) => {
      await timers.assign(partition);
      sweep.assign(partition);
    },
    onRevoked: (partition) => timers.revoke(partition),
    onPoison: async (record, thrown) => {
      await rejections.poison(record, thrown);
      counts.events('rejected', 1);
    },
    onFailure: (partition, thrown) =>
      telemetry.log.warn({ partition, cause: messageOf(thrown) }, 'a batch was not applied; it comes again'),
  });
  running.consumer = consumer;
  timers.start(consumer);
  sweep.start(consumer);
  const handOf = (profileId: ProfileId): PeopleAtHand | undefined => {
    const partition = pipeline.ports.feed.partitionOf(profileId);
    return assigned().includes(partition) ? pipeline.handOf(partition) : undefined;
  };
  const changeWatch = new ChangeWatch(log, config);
  const finder = new PersonFinder({ people, identifiers, handOf }, definitions);
  return {
    consumer,
    timers,
    sweep,
    pipeline,
    predictor,
    changeWatch,
    countPeople: () => people.count(),
    read: new ReadProfiles({ clock, definitions, finder, people, timeline, members }),
    ownEvents: new IngestionOwnEvents(
      calls.to<ingestionProto.IngestionService>(ingestionProto.IngestionServiceDefinition),
      ownWriteKey(host.credentials.apiToken),
    ),
    watch: (stopped) => changeWatch.changes(stopped),
  };
}
