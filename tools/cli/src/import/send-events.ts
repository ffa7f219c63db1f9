import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, RapportError } from '@rapport/kernel';
import { errorOf, type HttpAnswer, type HttpDoor } from '../platform/http-door.js';
import type { EventUnit } from './import-format.js';

/** What the front door said about one event. */
export interface Verdict {
  readonly messageId: string;
  readonly accepted: boolean;
  readonly code?: string;
  readonly detail?: string;
}

/** The front door takes 5 MiB and 2,500 events in a request; smaller ones keep its answers quick. */
const maxBatchBytes = 1_000_000;
const maxBatchEvents = 500;
/** Requests on their way at once: enough to keep the log's flushes full. */
const maxInFlight = 4;
/** How long an unwilling platform is asked again before the import gives up (it can be resumed). */
const patienceMs = 300_000;
const longestPauseMs = 10_000;

/** Puts events into requests of `POST /v1/import`, a few on their way at once, and repeats what was not answered. */
export class EventSender {
  #batch: { unit: EventUnit; json: string }[] = [];
  #bytes = 0;
  readonly #inFlight = new Set<Promise<void>>();
  #failure: Error | undefined;

  constructor(
    private readonly http: HttpDoor,
    private readonly source: string,
    /** Hears the verdicts of a request, in order, after all of it is durable. */
    private readonly onVerdicts: (units: readonly EventUnit[], verdicts: readonly Verdict[]) => void,
    private readonly stopped: AbortSignal,
  ) {}

  /** Takes an event; waits while enough is on its way. Throws what made the import impossible. */
  async add(unit: EventUnit): Promise<void> {
    const json = JSON.stringify(unit.event);
    if (
      this.#batch.length >= maxBatchEvents ||
      (this.#batch.length > 0 && this.#bytes + json.length > maxBatchBytes)
    )
      await this.#dispatch();
    this.#batch.push({ unit, json });
    this.#bytes += json.length;
  }

  /** Sends the rest and waits for every answer. */
  async finish(): Promise<void> {
    if (this.#batch.length > 0) await this.#dispatch();
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  async #dispatch(): Promise<void> {
    while (this.#inFlight.size >= maxInFlight) await Promise.race(this.#inFlight);
    this.#throwFailure();
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    const sent: Promise<void> = this.#send(batch)
      .catch((thrown: unknown) => {
        this.#failure ??= thrown instanceof Error ? thrown : new Error(messageOf(thrown));
      })
      .finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #send(batch: readonly { unit: EventUnit; json: string }[]): Promise<void> {
    const body = `{"batch":[${batch.map(({ json }) => json).join(',')}]}`;
    const path = `/v1/import?source=${encodeURIComponent(this.source)}`;
    const startedMs = performance.now();
    for (let attempt = 0; ; attempt++) {
      const answer = await this.http.call('POST', path, body).catch((thrown: unknown) => {
        if (thrown instanceof RapportError && thrown.code === 'PLATFORM_UNREACHABLE') return thrown;
        throw thrown;
      });
      if (!(answer instanceof RapportError) && answer.status === 200) {
        this.onVerdicts(
          batch.map(({ unit }) => unit),
          verdictsOf(answer, batch.length),
        );
        return;
      }
      const error = answer instanceof RapportError ? answer : errorOf(answer, this.http.url);
      const again =
        answer instanceof RapportError ||
        answer.status === 429 ||
        answer.status === 408 ||
        answer.status >= 500;
      if (!again || performance.now() - startedMs > patienceMs) throw error;
      await this.#pause(
        attempt,
        answer instanceof RapportError ? undefined : answer.headers.get('retry-after'),
      );
    }
  }

  async #pause(attempt: number, retryAfter: string | null | undefined): Promise<void> {
    const asked = Number(retryAfter ?? NaN) * 1000;
    const pauseMs = Math.min(Number.isNaN(asked) ? 250 * 2 ** attempt : asked, longestPauseMs);
    // An abort ends the wait with an error, which ends the import.
    await wait(pauseMs, undefined, { signal: this.stopped });
  }
}

function verdictsOf(answer: HttpAnswer, wanted: number): readonly Verdict[] {
  const results = (answer.body as { results?: readonly Verdict[] } | undefined)?.results;
  if (results?.length === wanted) return results;
  throw new RapportError(
    'IMPORT_VERDICTS_MISSING',
    'internal',
    `expected a verdict for each of ${wanted} events; came ${results?.length ?? 'none'}. Is the platform of the same version?`,
  );
}
