import { Module } from '@nestjs/common';
import { blockedValueRule, messageOf, RapportError } from '@rapport/kernel';
import { HOST, Rooms, type Host, type Room } from '@rapport/service-host';
import { AcceptEvents } from './accept-events.pipeline.js';
import { ajvTrackingPlan } from './adapters/ajv-tracking-plan.js';
import { eventLogRejectedArchive } from './adapters/event-log-rejected-archive.js';
import { eventLogSink } from './adapters/event-log-sink.js';
import { Capacity } from './domain/capacity.js';
import { EventRates } from './domain/event-rates.js';
import { messageIdsFrom } from './domain/message-ids.js';
import { WriteKeys } from './domain/write-keys.js';
import { readIngestionConfig } from './ingestion.config.js';
import { frontDoorMeter } from './ingestion.metrics.js';
import { ReplayRejected } from './replay-rejected.pipeline.js';
import { AppendQueue } from './steps/append-events.js';
import { EventEncoder } from './steps/event-encoder.js';
import { FrontDoor } from './transport/front-door.js';
import { mountFrontDoor } from './transport/front-door.routes.js';
import { IngestionGrpc, ingestionBinding } from './transport/ingestion.grpc.js';
import { mountRejected } from './transport/rejected.http.js';
import { BodyReader } from './transport/request-body.js';

/** The token under which Nest knows the room. */
export const INGESTION_ROOM = Symbol('INGESTION_ROOM');

/** The front door of the platform. */
@Module({
  providers: [
    {
      provide: INGESTION_ROOM,
      inject: [HOST, Rooms],
      useFactory: (host: Host, rooms: Rooms) => rooms.add(createIngestionRoom(host)),
    },
  ],
})
export class IngestionModule {}

/** Puts the room together; nothing is opened before `start`. */
export function createIngestionRoom(host: Host): Room {
  const config = readIngestionConfig(host.environment);
  const monotonicMs = (): number => performance.now();
  const queue = new AppendQueue(eventLogSink(host.log), config.maxAppends, monotonicMs);
  const capacity = new Capacity(config.capacity);
  const meter = frontDoorMeter(host.telemetry, capacity, monotonicMs);
  const trackingPlan = ajvTrackingPlan(host.playbook.trackingPlan);
  const accept = new AcceptEvents({
    rules: {
      isBlocked: blockedBy(host),
      browserExternalIds: config.browserExternalIds,
      violationOf: (event, properties) => trackingPlan.violationOf(event, properties),
    },
    queue,
    encoder: new EventEncoder(),
    newMessageId: messageIdsFrom(host.random),
    meter,
  });
  const bodies = new BodyReader(config.bodyTimeoutMs, monotonicMs);
  const door = new FrontDoor({
    clock: host.clock,
    keys: new WriteKeys(host.credentials.sources, (text) => Buffer.from(text, 'base64').toString('utf8')),
    accept,
    queue,
    capacity,
    rates: new EventRates(config.browserRate),
    monotonicMs,
    bodies,
    meter,
    onLogFailed: (cause) =>
      host.telemetry.log.error(
        { cause: messageOf(cause) },
        'the event log did not take events; clients are asked to send them again',
      ),
    onUnnamedProxy: (address) =>
      host.telemetry.log.warn(
        { address },
        'a request was turned away by the bounds of one address; it came with X-Forwarded-For: if this address is a proxy of yours, name it in RAPPORT_TRUSTED_PROXIES, so that its clients do not count as one',
      ),
    maxAppendDelayMs: config.maxAppendDelayMs,
  });
  const archive = eventLogRejectedArchive(host.log);
  const replay = new ReplayRejected({
    archive,
    accept,
    putBack: async (topic, record) => void (await host.log.append(topic, [record])),
    clock: host.clock,
    maxEventBytes: config.imports.maxEventBytes,
  });
  const grpcParts = { door, archive, replay, ...config.events };
  const grpc = new IngestionGrpc(grpcParts);
  return {
    name: 'ingestion',
    routes: async (http) => {
      // Scopes of their own: the front door reads its bodies itself.
      await http.register(async (scope) => mountFrontDoor(scope, { door, limits: config }));
      await http.register(async (scope) => mountRejected(scope, grpc));
    },
    grpc: [ingestionBinding(grpc, grpcParts)],
    start: () => Promise.resolve(),
    readiness: () =>
      Promise.resolve(
        door.isBehind()
          ? `the event log, which has not made an append durable for ${Math.round(queue.oldestMs())} ms`
          : undefined,
      ),
    status: () => Promise.resolve({ events: meter.status() }),
    settle: () => queue.idle(),
    stop: async () => {
      bodies.stop();
      await queue.idle();
    },
  };
}

function blockedBy(host: Host): (value: string) => boolean {
  try {
    return blockedValueRule(host.playbook.identity);
  } catch (thrown) {
    throw new RapportError(
      'INGESTION_PLAYBOOK_INVALID',
      'invalid',
      `identity.blockedPatterns: ${messageOf(thrown)}`,
    );
  }
}
