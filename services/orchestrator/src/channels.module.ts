import { cloudEventHeaders, encodeJson, topics, type Delivery } from '@rapport/contracts';
import type { Consumer } from '@rapport/event-log';
import { messageOf, VirtualClock } from '@rapport/kernel';
import { rejectionsOf, type Host } from '@rapport/service-host';
import { channelsOf } from './adapters/channels/registry.js';
import { DocumentChannelSwitches, switchCollection } from './adapters/document-channel-switches.js';
import { deliveryCollection, DocumentDeliveryStore } from './adapters/document-delivery-store.js';
import { LateCollection } from './adapters/late-collection.js';
import { mailCollection, SmtpMailSink } from './adapters/smtp-mail-sink.js';
import { DeliverMessages } from './deliver-messages.pipeline.js';
import type { OrchestratorConfig } from './orchestrator.config.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { Channel } from './ports/channel.js';
import type { MailSink } from './ports/mail-sink.js';
import { DueTimers, takenOver } from './steps/due-timers.js';
import { consumeRequestedMessages, deliverStage } from './transport/requested-messages.consumer.js';

interface Line {
  readonly channel: Channel;
  readonly timers: DueTimers;
  readonly consumer: Consumer;
}

/** The part of the room that sends: a line of its own for each channel, and the local mail sink. */
export class ChannelParts {
  readonly #deliveries = new LateCollection(deliveryCollection);
  readonly #mails = new LateCollection(mailCollection);
  readonly #switches = new LateCollection(switchCollection);
  readonly #sink: SmtpMailSink | undefined;
  readonly #lines: Line[] = [];
  readonly #channels;

  constructor(
    readonly host: Host,
    readonly config: OrchestratorConfig,
    readonly metrics: OrchestratorMetrics,
  ) {
    this.#channels = channelsOf(host.playbook);
    this.#sink =
      config.RAPPORT_SMTP_URL === undefined
        ? new SmtpMailSink(this.#mails, host.clock, config.RAPPORT_MAIL_SINK_MESSAGES)
        : undefined;
  }

  get sink(): MailSink | undefined {
    return this.#sink;
  }

  async start(): Promise<void> {
    await Promise.all(
      [this.#deliveries, this.#mails, this.#switches].map((each) => each.open(this.host.store)),
    );
    const smtpUrl =
      this.config.RAPPORT_SMTP_URL ?? (await this.#sink?.listen(this.config.RAPPORT_MAIL_SINK_PORT)) ?? '';
    for (const { definition, kind } of this.#channels) {
      const channel = kind.open(definition, {
        clock: this.host.clock,
        smtpUrl,
        webhookSecret: this.config.webhookSecrets.get(definition.name),
        webhookTimeoutMs: this.config.RAPPORT_WEBHOOK_TIMEOUT,
        allowPrivateAddresses: this.config.RAPPORT_WEBHOOK_PRIVATE_ADDRESSES ?? this.host.loopback,
        switches: new DocumentChannelSwitches(this.#switches),
      });
      this.#lines.push(await this.#open(definition.name, channel));
    }
  }

  /** Sends what there is and, in virtual time, what is due again; answers how many of the latter. */
  async settle(): Promise<number> {
    let fired = 0;
    for (const { consumer, timers } of this.#lines) {
      await takenOver(consumer, timers);
      await consumer.caughtUp();
      if (this.host.clock instanceof VirtualClock) fired += await timers.fireAll();
    }
    return fired;
  }

  /** Drops deliveries that ended before an instant. A record that is older than its topic keeps cannot come again. */
  async forgetBefore(instantMs: number): Promise<number> {
    return await new DocumentDeliveryStore(this.#deliveries).forgetBefore(instantMs);
  }

  async stop(): Promise<void> {
    for (const { timers, consumer, channel } of this.#lines) {
      await timers.stop();
      await consumer.stop();
      await channel.close();
    }
    await this.#sink?.close();
  }

  async #open(name: string, channel: Channel): Promise<Line> {
    const { log, clock, telemetry } = this.host;
    const store = new DocumentDeliveryStore(this.#deliveries);
    const rejections = rejectionsOf(this.host, deliverStage);
    const deliver = new DeliverMessages({
      name,
      channel,
      store,
      clock,
      record: async (deliveries) => this.#record(deliveries),
      reject: async (state, thrown) =>
        rejections.document(
          { collection: deliveryCollection.name, id: state.messageId, content: state },
          thrown,
        ),
      retryWaitsMs: this.config.retryWaitsMs,
      onDue: (partition, dueMs) => timers.note(partition, dueMs),
      onSent: (outcome) => this.metrics.tried(name, outcome),
    });
    // Assigned below, before any timer can fire.
    let consumer: Consumer | undefined = undefined as Consumer | undefined;
    const timers = new DueTimers({
      clock,
      nextDue: async (partition) => store.nextDue(name, partition),
      fire: async (partition, untilMs) =>
        (await consumer?.exclusively(partition, async () => deliver.fireDue(partition, untilMs))) ?? 0,
      onFailure: (thrown) =>
        telemetry.log.error(
          { channel: name, cause: messageOf(thrown) },
          'messages could not be tried again now',
        ),
    });
    consumer = await consumeRequestedMessages({
      log,
      channel: name,
      deliver,
      timers,
      rejections,
      onFailure: ({ partition, thrown, retryInMs }) =>
        telemetry.log.error(
          { channel: name, partition, cause: messageOf(thrown), retryInMs },
          'messages could not be handled; tried again',
        ),
    });
    return { channel, timers, consumer };
  }

  async #record(deliveries: readonly Delivery[]): Promise<void> {
    await this.host.log.append(
      topics.deliveriesRecorded.name,
      deliveries.map((delivery) => ({
        key: delivery.profileId,
        value: encodeJson(delivery),
        headers: cloudEventHeaders('rapport.delivery.recorded.v1', delivery.messageId, delivery.at),
      })),
    );
  }
}
