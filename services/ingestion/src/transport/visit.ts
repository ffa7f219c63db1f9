import type { IncomingMessage, ServerResponse } from 'node:http';
import { RapportError } from '@rapport/kernel';
import type { EventType, JsonObject } from '@rapport/contracts';
import type { Submission } from '../accept-events.pipeline.js';
import type { Arrival } from '../domain/accept-event.js';
import { kindOf } from '../domain/json-fields.js';
import { parseJson } from '../domain/parse-json.js';
import { verdictsAsJson, type Verdict } from '../domain/verdicts.js';
import type { IngestionErrorCode } from '../ingestion.errors.js';
import { answerJson, answerOverCapacity, errorJson } from './answers.js';
import type { BodyProblem, BodyReceiver } from './request-body.js';
import type { FrontDoor } from './front-door.js';

/** What a route takes. */
export interface Entrance {
  /** Undefined: a batch, each event naming its own type. */
  readonly type: EventType | undefined;
  readonly maxEventBytes: number;
  readonly maxBodyBytes: number;
  readonly maxBatchEvents: number;
}

/** One HTTP request on its way through the front door: body, key, events, answer. */
const noEvents: readonly unknown[] = [];

export class Visit implements BodyReceiver, Submission {
  events: readonly unknown[] = noEvents;
  totalBytes = 0;
  readonly maxEventBytes: number;
  #arrival: Arrival | undefined;
  #left = false;

  constructor(
    private readonly door: FrontDoor,
    private readonly entrance: Entrance,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    /** Set for imports, whose token was checked already. */
    private readonly knownSource: string | undefined,
    private readonly weight: number,
  ) {
    this.maxEventBytes = entrance.maxEventBytes;
  }

  get arrival(): Arrival {
    if (this.#arrival === undefined) throw new Error('the events of a visit were asked for before they came');
    return this.#arrival;
  }

  body(text: string, bytes: number): void {
    try {
      this.#read(text, bytes);
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  #read(text: string, bytes: number): void {
    const keyed =
      this.knownSource === undefined
        ? this.door.keys.sourceOfHeader(this.request.headers.authorization)
        : { source: this.knownSource };
    if (keyed === 'unknown') return this.#refuse(401, 'INGESTION_WRITE_KEY_UNKNOWN', unknownKey);
    let parsed: unknown;
    try {
      parsed = parseJson(text);
    } catch (thrown) {
      const detail = `expected a JSON object; ${text === '' ? 'got an empty body' : thrown instanceof Error ? thrown.message : 'got something else'}`;
      return this.#refuseWhole(
        keyed === 'absent' ? undefined : keyed.source,
        'INGESTION_JSON_MALFORMED',
        detail,
        text,
      );
    }
    const given =
      typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
        ? (parsed as JsonObject)
        : undefined;
    const source = keyed === 'absent' ? this.#sourceInBody(given) : keyed.source;
    if (source === undefined) return;
    if (given === undefined)
      return this.#refuseWhole(
        source,
        'INGESTION_BODY_SHAPE',
        `expected a JSON object; got ${kindOf(parsed)}`,
        text,
      );
    this.totalBytes = bytes;
    this.#submit(given, source, text);
  }

  problem(problem: BodyProblem): void {
    this.door.meter.rejected(problem.code);
    this.#refuse(problem.status, problem.code, problem.detail, problem.close);
  }

  aborted(): void {
    this.#leave();
  }

  answer(verdicts: readonly Verdict[]): void {
    this.#leave();
    // 200 as soon as one event was accepted; 400 tells clients that sending it again changes nothing.
    const status = verdicts.length === 0 || verdicts.some((verdict) => verdict.accepted) ? 200 : 400;
    answerJson(this.response, status, verdictsAsJson(verdicts), this.#fromBrowser);
  }

  failed(cause: unknown): void {
    this.#leave();
    if (cause instanceof RapportError && cause.status === 'exhausted') {
      answerOverCapacity(
        this.response,
        this.door.retryAfterSeconds(),
        this.door.clock.now(),
        this.#fromBrowser,
      );
      return;
    }
    this.door.logFailed(cause);
    this.response.setHeader('retry-after', '5');
    answerJson(
      this.response,
      503,
      errorJson('INGESTION_LOG_UNAVAILABLE', 'the event log did not take the events; send them again later'),
      this.#fromBrowser,
    );
  }

  #submit(given: JsonObject, source: string, text: string): void {
    const { entrance, door } = this;
    if (entrance.type === undefined) {
      const batch = given['batch'];
      if (!Array.isArray(batch))
        return this.#refuseWhole(
          source,
          'INGESTION_BODY_SHAPE',
          `batch: expected an array of events; got ${kindOf(batch)}`,
          text,
        );
      if (batch.length > entrance.maxBatchEvents) {
        const detail = `batch: expected at most ${entrance.maxBatchEvents} events; got ${batch.length}; nothing of it was accepted, send smaller batches`;
        return this.#refuseWhole(source, 'INGESTION_BATCH_TOO_MANY', detail, text);
      }
      this.events = batch as readonly unknown[];
    } else this.events = [given];
    const receivedAtMs = door.clock.now();
    const context = entrance.type === undefined ? given['context'] : undefined;
    this.#arrival = {
      source,
      receivedAtMs,
      receivedAt: door.instantText(receivedAtMs),
      sentAt: given['sentAt'],
      type: entrance.type,
      context:
        typeof context === 'object' && context !== null && !Array.isArray(context)
          ? (context as JsonObject)
          : undefined,
      clientIp: this.#fromBrowser ? this.request.socket.remoteAddress : undefined,
    };
    door.accept.submit(this);
    // What was parsed is encoded by now; kept until the answer, it would outlive the youngest generation of the heap.
    this.events = noEvents;
  }

  /** The source of the key in the body; answers 401 itself where there is none. */
  #sourceInBody(given: JsonObject | undefined): string | undefined {
    const writeKey = given?.['writeKey'];
    if (typeof writeKey !== 'string' || writeKey === '') {
      this.#refuse(
        401,
        'INGESTION_WRITE_KEY_MISSING',
        'expected a write key: Authorization: Basic base64(key + ":"), or writeKey in the body',
      );
      return undefined;
    }
    const source = this.door.keys.sourceOf(writeKey);
    if (source === undefined) this.#refuse(401, 'INGESTION_WRITE_KEY_UNKNOWN', unknownKey);
    return source;
  }

  /** Refuses with nothing read of the events; where the source is known, the data team finds it in the rejected topic. */
  #refuseWhole(source: string | undefined, code: IngestionErrorCode, detail: string, original: string): void {
    if (source === undefined) {
      this.door.meter.rejected(code);
      this.#refuse(400, code, detail);
    } else {
      this.door.accept.refuse(source, code, detail, original, this.door.clock.now(), () =>
        this.#refuse(400, code, detail),
      );
    }
  }

  #refuse(status: number, code: IngestionErrorCode, detail: string, close = false): void {
    this.#leave();
    answerJson(this.response, status, errorJson(code, detail), this.#fromBrowser, close);
  }

  get #fromBrowser(): boolean {
    return this.request.headers.origin !== undefined;
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.door.capacity.release(this.weight);
  }
}

const unknownKey = 'the write key is not one of RAPPORT_WRITE_KEYS; take it from the source that sends';
