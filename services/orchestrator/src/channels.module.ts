import { cloudEventHeaders, encodeJson, topics, type Delivery } from '@rapport/contracts';
import type { Consumer } from '@rapport/event-log';
import { messageOf, VirtualClock } from '@rapport/kernel';
import { ownWriteKey, rejectionsOf, type Host } from '@rapport/service-host';
import { channelsOf } from './adapters/channels/registry.js';
import { DocumentChannelSwitches, switchCollection } from './adapters/document-channel-switches.js';
import { deliveryCollection, DocumentDeliveryStore } from './adapters/document-delivery-store.js';
import { createIngestionFailureNews } from './adapters/ingestion-failure-news.js';
import { LateCollection } from './adapters/late-collection.js';
import { SecretsFile } from './adapters/secrets-file.js';
import type { DecisionParts } from './decisions.module.js';
import { mailCollection, SmtpMailSink } from './adapters/smtp-mail-sink.js';
import { DeliverMessages } from './deliver-messages.pipeline.js';
import type { OrchestratorConfig } from './orchestrator.config.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { Channel } from './ports/channel.js';
import type { MailSink } from './ports/mail-sink.js';
import type { DeliveryStore } from './ports/delivery-store.js';
import { awaitUpstream } from './steps/await-upstream.js';
import { takenOver } from './steps/due-timers.js';
import { createFinishMessages, type FinishMessages } from './steps/finish-messages.js';
import { createStillWanted, type StillWanted } from './steps/still-wanted.js';
import { consumeRequestedMessages, deliverStage } from './transport/requested-messages.consumer.js';

interface Line {
  readonly channel: Channel;
  readonly deliver: DeliverMessages;
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
  readonly #stillWanted: StillWanted;
  readonly #finish: FinishMessages;
  readonly store: DeliveryStore;

  constructor(
    readonly host: Host,
    readonly config: OrchestratorConfig,
    readonly metrics: OrchestratorMetrics,
    { people, book, caps, askMail, refusals }: DecisionParts,
  ) {
    this.#channels = channelsOf(host.playbook);
    this.store = new DocumentDeliveryStore(this.#deliveries);
    this.#stillWanted = createStillWanted({
      people,
      book,
      caps,
      askMail,
      refusals,
      clock: host.clock,
      whenCaughtUp: async () => this.#caughtUp(),
    });
    this.#finish = createFinishMessages({
      store: this.store,
      caps,
      people,
      news: createIngestionFailureNews(host.calls, ownWriteKey(host.credentials.apiToken)),
      record: async (deliveries) => this.#record(deliveries),
      reject: async (state, thrown) =>
        rejectionsOf(host, deliverStage).document(
          { collection: deliveryCollection.name, id: state.messageId, content: state },
          thrown,
        ),
    });
    this.#sink =
      config.RAPPORT_SMTP_URL === undefined
        ? new SmtpMailSink(this.#mails, host.clock, config.RAPPORT_MAIL_SINK_MESSAGES, () =>
            metrics.sinkRepeat(),
          )
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
        webhookSecret: this.#webhookSecretOf(definition.name),
        timeoutMs: this.config.RAPPORT_DELIVERY_TIMEOUT,
        atOnce: this.config.RAPPORT_DELIVERY_AT_ONCE,
        allowPrivateAddresses: this.config.RAPPORT_WEBHOOK_PRIVATE_ADDRESSES ?? this.host.loopback,
        switches: new DocumentChannelSwitches(this.#switches),
      });
      this.#lines.push(await this.#open(definition.name, channel));
    }
  }

  /** Sends what there is and, in virtual time, what is due again; answers how many tries that took. */
  async settle(): Promise<number> {
    let tried = 0;
    for (const { consumer, deliver } of this.#lines) {
      await takenOver(consumer, deliver);
      await consumer.caughtUp();
      tried += await deliver.settle();
    }
    return tried;
  }

  /** Drops deliveries that ended before an instant. A record that is older than its topic keeps cannot come again. */
  async forgetBefore(instantMs: number): Promise<number> {
    return await this.store.forgetBefore(instantMs);
  }

  async stop(): Promise<void> {
    for (const { deliver, consumer, channel } of this.#lines) {
      await consumer.stop();
      await deliver.stop();
      await channel.close();
    }
    await this.#sink?.close();
  }

  /** Never undefined for a webhook channel: what is not set is made where nothing is public, and refused elsewhere. */
  #webhookSecretOf(channel: string): string | undefined {
    const known = this.config.webhookSecrets.get(channel);
    if (known === undefined || known.secret !== undefined) return known?.secret;
    const { variable } = known;
    this.host.telemetry.log.info(
      { channel, variable },
      'webhooks are signed with a secret from secrets.json of the data folder, because its variable is not set',
    );
    return new SecretsFile(this.config.RAPPORT_DATA_DIR).forWebhooks(variable);
  }

  async #open(name: string, channel: Channel): Promise<Line> {
    const { log, clock, random, telemetry } = this.host;
    const rejections = rejectionsOf(this.host, deliverStage);
    const deliver = new DeliverMessages({
      name,
      channel,
      store: this.store,
      stillWanted: this.#stillWanted,
      finish: this.#finish,
      clock,
      random,
      retryForMs: this.config.RAPPORT_DELIVERY_RETRY_FOR,
      atOnce: this.config.RAPPORT_DELIVERY_AT_ONCE,
      onTried: (outcome) => this.metrics.tried(name, outcome),
      onEnded: ({ state, reason = '' }) => this.metrics.ended(name, state, reason),
      onFailure: (thrown) =>
        telemetry.log.error(
          { channel: name, cause: messageOf(thrown) },
          'messages could not be sent or recorded now; tried again',
        ),
    });
    const consumer = await consumeRequestedMessages({
      log,
      channel: name,
      deliver,
      rejections,
      onFailure: ({ partition, thrown, retryInMs }) =>
        telemetry.log.error(
          { channel: name, partition, cause: messageOf(thrown), retryInMs },
          'messages could not be handled; tried again',
        ),
    });
    return { channel, deliver, consumer };
  }

  /** In virtual time whoever moves the clock has let what was received be worked in. */
  async #caughtUp(): Promise<void> {
    if (this.host.clock instanceof VirtualClock) return;
    if (!(await awaitUpstream(this.host.log, this.config.RAPPORT_JOURNEY_UPSTREAM_WAIT)))
      this.metrics.upstreamWaitExceeded();
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
