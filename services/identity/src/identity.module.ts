import { Module } from '@nestjs/common';
import { cloudEventHeaders, encodeJson, identityProto, topics } from '@rapport/contracts';
import type { Consumer } from '@rapport/event-log';
import { messageOf } from '@rapport/kernel';
import { grpcBinding, HOST, rejectionsOf, Rooms, type Host, type Room } from '@rapport/service-host';
import { createChangePeople } from './change-people.pipeline.js';
import type { ForgottenProfile, IdentifierDocument } from './domain/identifier-document.js';
import { mergeRulesOf } from './domain/merge-rules.js';
import { createIdentifyEvents, identityStage } from './identify-events.pipeline.js';
import { starting } from './identity.errors.js';
import { readIdentityConfig, type IdentityConfig } from './identity.config.js';
import { identityMeter, type IdentityMeter } from './identity.metrics.js';
import type { GraphPorts, ProfileHistory, RefusalRecord } from './ports/graph-ports.js';
import { createReadPeople } from './read-people.pipeline.js';
import { createRecoverChanges } from './steps/recover-changes.js';
import { createResolveEvents } from './steps/resolve-events.js';
import { RootCache } from './steps/root-cache.js';
import { createSetAside } from './steps/set-aside.js';
import { createTeller, type Teller } from './steps/tell-changes.js';
import { consumeAcceptedEvents } from './transport/accepted-events.consumer.js';
import { IdentityGrpc } from './transport/identity.grpc.js';
import { identityRoutes } from './transport/identity.http.js';

/** The token under which Nest knows the room. */
export const IDENTITY_ROOM = Symbol('IDENTITY_ROOM');

/** Who is who. */
@Module({
  providers: [
    {
      provide: IDENTITY_ROOM,
      inject: [HOST, Rooms],
      useFactory: (host: Host, rooms: Rooms) => rooms.add(createIdentityRoom(host)),
    },
  ],
})
export class IdentityModule {}

/** What exists once the room has started. */
interface OpenRoom {
  readonly read: ReturnType<typeof createReadPeople>;
  readonly change: ReturnType<typeof createChangePeople>;
  readonly teller: Teller;
  readonly consumer: Consumer;
  readonly settling: NodeJS.Timeout;
}

/** How long told changes wait until they are cleared together, off the path of the events. */
const settleEveryMs = 250;

/** Puts the room together; nothing is opened before `start`. */
export function createIdentityRoom(host: Host): Room {
  const config = readIdentityConfig(host.environment);
  const meter = identityMeter(host.telemetry);
  let open: OpenRoom | undefined;
  const opened = (): OpenRoom => {
    if (open === undefined) throw starting();
    return open;
  };
  const grpc = new IdentityGrpc(opened);
  return {
    name: 'identity',
    grpc: [
      grpcBinding(identityProto.IdentityServiceDefinition, grpc, {
        resolve: 'people.read',
        getPerson: 'people.read',
        link: 'identity.write',
        unlink: 'identity.write',
        split: 'identity.write',
        forget: 'privacy.erase',
        listRefusals: 'people.read',
      }),
    ],
    routes: identityRoutes(grpc),
    start: async () => {
      open = await openRoom(host, config, meter);
    },
    readiness: () => Promise.resolve(open === undefined ? 'opening the identity graph' : undefined),
    settle: async () => {
      await open?.consumer.caughtUp();
      await open?.teller.settle();
    },
    status: async () => ({
      merges: meter.totals().merges,
      identity: { ...meter.totals(), lag: (await open?.consumer.lag()) ?? 0 },
    }),
    stop: async () => {
      if (open === undefined) return;
      clearInterval(open.settling);
      await open.consumer.stop();
      await open.teller.settle();
      open = undefined;
    },
  };
}

async function openRoom(host: Host, config: IdentityConfig, meter: IdentityMeter): Promise<OpenRoom> {
  const ports = await openGraph(host, meter);
  const { log, clock, telemetry } = host;
  const rejections = rejectionsOf(host, identityStage);
  const cache = new RootCache(clock, config.cache);
  const setAside = createSetAside(ports, ({ id, doc }, thrown) =>
    rejections.document({ collection: peopleCollection, id, content: doc }, thrown),
  );
  const teller = createTeller(ports, setAside);
  const recover = createRecoverChanges(ports, teller, setAside);
  await recover();
  const identify = createIdentifyEvents({
    log,
    resolve: createResolveEvents({ ports, cache, teller }),
    reject: (refused) => rejections.reject(refused),
    report: ({ identified, rejected }) => {
      meter.identified(identified);
      if (rejected > 0) meter.rejected(rejected);
    },
  });
  const consumer = await consumeAcceptedEvents({
    log,
    maxBatch: config.maxBatch,
    identify,
    recover,
    onPoison: async (record, thrown) => {
      await rejections.poison(record, thrown);
      meter.rejected(1);
    },
    onFailure: ({ partition, thrown, retryInMs }) =>
      telemetry.log.warn(
        { partition, retryInMs, cause: messageOf(thrown) },
        'a batch of events was not identified; it comes again',
      ),
  });
  const settling = setInterval(() => {
    teller.settle().catch((thrown: unknown) => {
      telemetry.log.warn({ cause: messageOf(thrown) }, 'identity history was not written; it is tried again');
    });
  }, settleEveryMs);
  settling.unref();
  return {
    read: createReadPeople(ports, teller),
    change: createChangePeople({ ports, cache, teller }),
    teller,
    consumer,
    settling,
  };
}

const peopleCollection = 'identity.people';

/** Opens the collections of the graph. Only this room writes them. */
export async function openGraph(
  host: Pick<Host, 'store' | 'log' | 'clock' | 'random' | 'playbook'>,
  meter?: Pick<IdentityMeter, 'changed'>,
): Promise<GraphPorts> {
  const { store, log, clock, random, playbook } = host;
  const [people, forgotten, histories, refusals] = await Promise.all([
    store.collection<IdentifierDocument>({
      name: peopleCollection,
      indexes: [{ name: 'unsettled', fields: ['unsettled'] }],
    }),
    store.collection<ForgottenProfile>({ name: 'identity.forgotten' }),
    store.collection<ProfileHistory>({ name: 'identity.histories' }),
    store.collection<RefusalRecord>({ name: 'identity.refusals', indexes: [{ name: 'at', fields: ['at'] }] }),
  ]);
  return {
    people,
    forgotten,
    histories,
    refusals,
    rules: mergeRulesOf(playbook.identity),
    clock,
    random,
    announce: async (changes) => {
      if (changes.length === 0) return;
      await log.append(
        topics.identityChanged.name,
        changes.map((change) => ({
          key: change.profileId,
          value: encodeJson(change),
          headers: cloudEventHeaders(
            topics.identityChanged.name,
            `${change.profileId}/${change.membershipVersion}`,
            change.at,
          ),
          timestampMs: clock.now(),
        })),
      );
      meter?.changed(changes);
    },
  };
}
