import { Module } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { decisionsProto, journeysProto, messagesProto } from '@rapport/contracts';
import { messageOf, VirtualClock } from '@rapport/kernel';
import {
  grpcBinding,
  HOST,
  loopbackHostOnly,
  ownWriteKey,
  Rooms,
  type GrpcBinding,
  type Host,
  type Room,
} from '@rapport/service-host';
import { answerJsonOf } from './adapters/record-json.js';
import { createRequestMessages } from './adapters/event-log-message-requests.js';
import { createIngestionUnsubscriber } from './adapters/ingestion-unsubscriber.js';
import { senderOf } from './adapters/channels/email.js';
import { unsubscribeIdOf } from './adapters/decision-ids.js';
import { ChannelParts } from './channels.module.js';
import { createDecisionParts, type DecisionParts } from './decisions.module.js';
import { JourneyParts } from './journeys.module.js';
import { readOrchestratorConfig, type OrchestratorConfig } from './orchestrator.config.js';
import { OrchestratorMetrics } from './orchestrator.metrics.js';
import { createLookUpMessages, type LookUpMessages } from './steps/look-up-messages.js';
import { createUnsubscribe } from './steps/unsubscribe.js';
import { DecisionsGrpc } from './transport/decisions.grpc.js';
import { mountDecide } from './transport/decide.http.js';
import { JourneysGrpc } from './transport/journeys.grpc.js';
import { mountMail } from './transport/mail.http.js';
import { MessagesGrpc } from './transport/messages.grpc.js';
import { mountMessages } from './transport/messages.http.js';
import { mountTactics } from './transport/tactics.http.js';
import { mountUnsubscribe } from './transport/unsubscribe.http.js';

const sweepEveryMs = 3_600_000;
/** Beyond this many records behind, journeys answer too late to be called ready. */
const maxLag = 100_000;

/** The room: decides on request, follows profiles, sends. */
export class OrchestratorRoom implements Room {
  readonly name = 'orchestrator';
  readonly grpc: readonly GrpcBinding[];
  readonly #config: OrchestratorConfig;
  readonly #metrics: OrchestratorMetrics;
  readonly #decisions: DecisionParts;
  readonly #journeys: JourneyParts;
  readonly #channels: ChannelParts;
  readonly #messages: LookUpMessages;
  #sweep: NodeJS.Timeout | undefined;
  #isStarted = false;

  constructor(readonly host: Host) {
    this.#config = readOrchestratorConfig(host.environment, host.playbook.channels, host.loopback);
    this.#metrics = new OrchestratorMetrics(host.telemetry);
    this.#decisions = createDecisionParts(host, this.#config, this.#metrics);
    this.#journeys = new JourneyParts(host, this.#config, this.#metrics, this.#decisions);
    this.#channels = new ChannelParts(host, this.#config, this.#metrics, this.#decisions);
    const { answer, ledger, people } = this.#decisions;
    this.#messages = createLookUpMessages({
      store: this.#channels.store,
      people,
      request: createRequestMessages(host.log),
    });
    const messages = new MessagesGrpc(this.#messages);
    const decisions = new DecisionsGrpc({ answer, ledger, clock: host.clock, onAnswered: this.#answered });
    const journeys = new JourneysGrpc({ store: this.#journeys.store, people });
    this.grpc = [
      grpcBinding(decisionsProto.DecisionsServiceDefinition, decisions, {
        decide: 'decide',
        batchDecide: 'decide',
        explainDecision: 'decisions.read',
        recordOutcome: 'decide',
      }),
      grpcBinding(journeysProto.JourneysServiceDefinition, journeys, {
        listInstances: 'journeys.read',
        getInstance: 'journeys.read',
        cancelInstance: 'journeys.write',
        simulate: 'journeys.read',
      }),
      grpcBinding(messagesProto.MessagesServiceDefinition, messages, {
        listMessages: 'messages.read',
        replayMessages: 'messages.replay',
      }),
    ];
  }

  routes = (http: FastifyInstance): void => {
    const { answer, ledger, book, links, people, refusals } = this.#decisions;
    mountDecide(http, { answer, ledger, jsonOf: answerJsonOf, onAnswered: this.#answered });
    mountTactics(http, { book, lifts: this.#journeys.lifts });
    mountMail(http, {
      sink: () => this.#channels.sink,
      loopback: this.host.loopback,
      checkHost: loopbackHostOnly(this.host),
    });
    mountMessages(http, { messages: this.#messages });
    const unsubscribe = createUnsubscribe({
      people,
      refusals,
      record: createIngestionUnsubscriber(this.host.calls, ownWriteKey(this.host.credentials.apiToken)),
      now: () => this.host.clock.now(),
      eventIdOf: unsubscribeIdOf,
    });
    mountUnsubscribe(http, {
      read: (token) => links.read(token),
      unsubscribe,
      now: () => this.host.clock.now(),
      sender: senderOf(this.host.playbook.channels),
    });
  };

  async start(): Promise<void> {
    try {
      const opening = [this.#decisions.open(), this.#channels.start(), this.#journeys.open()];
      // Each ends before one of them that failed stops the others.
      await Promise.allSettled(opening);
      await Promise.all(opening);
      await this.#journeys.start();
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
    if (!(this.host.clock instanceof VirtualClock)) {
      this.#sweep = setInterval(() => void this.#forgetOld(), sweepEveryMs).unref();
    }
    this.#isStarted = true;
  }

  async readiness(): Promise<string | undefined> {
    if (!this.#isStarted) return 'its collections and consumers to open';
    const lag = await this.#journeys.lag();
    return lag > maxLag ? `journeys to catch up with ${lag} records` : undefined;
  }

  async settle(): Promise<void> {
    for (;;) {
      await this.#decisions.feed.idle();
      const fired = (await this.#journeys.settle()) + (await this.#channels.settle());
      if (fired === 0) return;
    }
  }

  status = async (): Promise<Readonly<Record<string, unknown>>> => Promise.resolve(this.#metrics.status());

  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#journeys.stop();
    await this.#channels.stop();
    await this.#decisions.feed.stop();
  }

  readonly #answered = (seconds: number, rung: string): void => this.#metrics.answered(seconds, rung);

  async #forgetOld(): Promise<void> {
    const nowMs = this.host.clock.now();
    const { RAPPORT_DECISION_RETENTION: decisions, RAPPORT_DELIVERY_RETENTION: deliveries } = this.#config;
    try {
      while ((await this.#decisions.ledger.forgetBefore(nowMs - decisions)) > 0);
      while ((await this.#channels.forgetBefore(nowMs - deliveries)) > 0);
    } catch (thrown) {
      this.host.telemetry.log.warn({ cause: messageOf(thrown) }, 'old records stay for another hour');
    }
  }
}

/** Decisions, journeys, messages and what they do. */
@Module({
  providers: [
    {
      provide: OrchestratorRoom,
      inject: [HOST, Rooms],
      useFactory: (host: Host, rooms: Rooms) => rooms.add(new OrchestratorRoom(host)),
    },
  ],
})
export class OrchestratorModule {}
