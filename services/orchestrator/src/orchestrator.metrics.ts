import type { Telemetry } from '@rapport/telemetry';

/** The newest answer times that percentiles are taken from. */
const window = 2000;

/** What the orchestrator counts and times. */
export class OrchestratorMetrics {
  readonly #decide;
  readonly #degraded;
  readonly #deliveries;
  readonly #ended;
  readonly #sinkRepeats;
  readonly #late;
  readonly #newest: number[] = [];
  readonly #byChannel: Record<string, number> = {};
  #answered = 0;

  constructor(telemetry: Telemetry) {
    this.#decide = telemetry.seconds(
      'rapport_orchestrator_decide_seconds',
      'Time from a request to its durable decision.',
      ['rung'],
    );
    this.#degraded = telemetry.counter(
      'rapport_orchestrator_degraded_total',
      'Decisions that had to do without a part: profile, model, items or content.',
      ['part'],
    );
    this.#deliveries = telemetry.counter(
      'rapport_orchestrator_deliveries_total',
      'Tries to send a message, by channel and outcome.',
      ['channel', 'outcome'],
    );
    this.#ended = telemetry.counter(
      'rapport_orchestrator_messages_ended_total',
      'Messages that ended, by channel, state (sent, failed, cancelled) and reason.',
      ['channel', 'state', 'reason'],
    );
    this.#sinkRepeats = telemetry.counter(
      'rapport_orchestrator_mail_sink_repeats_total',
      'Mails that came in at the local sink with a Message-ID that it had already.',
    );
    this.#late = telemetry.counter(
      'rapport_orchestrator_upstream_waits_exceeded_total',
      'Due steps that were decided although events received before them were still on their way.',
    );
  }

  answered(seconds: number, rung: string): void {
    this.#decide.observe({ rung }, seconds);
    this.#newest[this.#answered++ % window] = seconds;
  }

  degraded(part: string): void {
    this.#degraded.inc({ part });
  }

  tried(channel: string, outcome: string): void {
    this.#deliveries.inc({ channel, outcome });
    if (outcome === 'sent') this.#byChannel[channel] = (this.#byChannel[channel] ?? 0) + 1;
  }

  ended(channel: string, state: string, reason: string): void {
    this.#ended.inc({ channel, state, reason });
  }

  sinkRepeat(): void {
    this.#sinkRepeats.inc();
  }

  upstreamWaitExceeded(): void {
    this.#late.inc();
  }

  /** Since the start of this process. */
  status(): Readonly<Record<string, unknown>> {
    const sorted = [...this.#newest].sort((a, b) => a - b);
    const at = (share: number): number | undefined => {
      const seconds = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
      return seconds === undefined ? undefined : Number((seconds * 1000).toFixed(3));
    };
    return {
      decisions: { count: this.#answered, p50Ms: at(0.5), p99Ms: at(0.99) },
      messages: { byChannel: { ...this.#byChannel } },
    };
  }
}
