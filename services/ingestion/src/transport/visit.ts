import type { IncomingMessage, ServerResponse } from 'node:http';
import { RapportError } from '@rapport/kernel';
import type { EventType, JsonObject } from '@rapport/contracts';
import type { Submission } from '../accept-events.pipeline.js';
import type { Arrival } from '../domain/accept-event.js';
import { kindOf } from '../domain/json-fields.js';
import { parseJson } from '../domain/parse-json.js';
import { verdictsAsJson, type Verdict } from '../domain/verdicts.js';
import type { IngestionErrorCode } from '../ingestion.errors.js';
import type { Stay } from '../domain/capacity.js';
import type { WriteKey } from '../domain/write-keys.js';
import { answerJson, errorJson, type Later } from './answers.js';
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

/** A request as it stands at the door, before its body. */
export interface Caller {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Where it comes from, past the proxies that are trusted. */
  readonly address: string;
  /** The key that it shows in its header, or an import's; undefined when the body has to. */
  readonly key: WriteKey | undefined;
}

const noEvents: readonly unknown[] = [];

/** One HTTP request inside the front door: body, events, answer. */
export class Visit implements BodyReceiver, Submission {
  events: readonly unknown[] = noEvents;
  totalBytes = 0;
  readonly maxEventBytes: number;
  #arrival: Arrival | undefined;

  constructor(
    private readonly door: FrontDoor,
    private readonly entrance: Entrance,
    private readonly caller: Caller,
    private readonly stay: Stay,
  ) {
    this.maxEventBytes = entrance.maxEventBytes;
  }

  get arrival(): Arrival {
    if (this.#arrival === undefined) throw new Error('the events of a visit were asked for before they came');
    return this.#arrival;
  }

  hasRoom(bytes: number): boolean {
    return this.stay.grow(bytes) || (this.door.endAbandoned() && this.stay.grow(bytes));
  }

  noRoom(close: boolean): void {
    this.stay.leave();
    this.door.turnAway(this.caller, this.door.overCapacity(), close);
  }

  body(text: string, bytes: number): void {
    try {
      this.#read(text, bytes);
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  #read(text: string, bytes: number): void {
    let parsed: unknown;
    try {
      parsed = parseJson(text);
    } catch (thrown) {
      const detail = `expected a JSON object; ${text === '' ? 'got an empty body' : thrown instanceof Error ? thrown.message : 'got something else'}`;
      return this.#refuseWhole(this.caller.key, 'INGESTION_JSON_MALFORMED', detail, text);
    }
    const given =
      typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
        ? (parsed as JsonObject)
        : undefined;
    const key = this.caller.key ?? this.#keyInBody(given);
    if (key === undefined) return;
    if (given === undefined)
      return this.#refuseWhole(
        key,
        'INGESTION_BODY_SHAPE',
        `expected a JSON object; got ${kindOf(parsed)}`,
        text,
      );
    this.totalBytes = bytes;
    this.#submit(given, key, text);
  }

  problem(problem: BodyProblem): void {
    this.door.meter.rejected(problem.code);
    this.#refuse(problem.status, problem.code, problem.detail, problem.close);
  }

  aborted(): void {
    this.stay.leave();
  }

  answer(verdicts: readonly Verdict[]): void {
    this.stay.leave();
    // 200 as soon as one event was accepted; 400 tells clients that sending it again changes nothing.
    const status = verdicts.length === 0 || verdicts.some((verdict) => verdict.accepted) ? 200 : 400;
    answerJson(this.caller.response, status, verdictsAsJson(verdicts), this.#fromBrowser);
  }

  failed(cause: unknown): void {
    this.stay.leave();
    if (cause instanceof RapportError && cause.status === 'exhausted') {
      this.#answerLater(this.door.overCapacity());
      return;
    }
    this.door.logFailed(cause);
    this.caller.response.setHeader('retry-after', '5');
    answerJson(
      this.caller.response,
      503,
      errorJson('INGESTION_LOG_UNAVAILABLE', 'the event log did not take the events; send them again later'),
      this.#fromBrowser,
    );
  }

  #submit(given: JsonObject, key: WriteKey, text: string): void {
    const { entrance, door } = this;
    if (entrance.type === undefined) {
      const batch = given['batch'];
      if (!Array.isArray(batch))
        return this.#refuseWhole(
          key,
          'INGESTION_BODY_SHAPE',
          `batch: expected an array of events; got ${kindOf(batch)}`,
          text,
        );
      if (batch.length > entrance.maxBatchEvents) {
        const detail = `batch: expected at most ${entrance.maxBatchEvents} events; got ${batch.length}; nothing of it was accepted, send smaller batches`;
        return this.#refuseWhole(key, 'INGESTION_BATCH_TOO_MANY', detail, text);
      }
      this.events = batch as readonly unknown[];
    } else this.events = [given];
    const later = door.take(key, this.caller.address, this.events.length);
    if (later !== undefined) {
      this.events = noEvents;
      this.stay.leave();
      return this.#answerLater(later);
    }
    const receivedAtMs = door.clock.now();
    const context = entrance.type === undefined ? given['context'] : undefined;
    this.#arrival = {
      ...saidBy(key),
      receivedAtMs,
      receivedAt: door.instantText(receivedAtMs),
      sentAt: given['sentAt'],
      type: entrance.type,
      context:
        typeof context === 'object' && context !== null && !Array.isArray(context)
          ? (context as JsonObject)
          : undefined,
      clientIp: this.#fromBrowser && this.caller.address !== '' ? this.caller.address : undefined,
    };
    door.accept.submit(this);
    // What was parsed is encoded by now; kept until the answer, it would outlive the youngest generation of the heap.
    this.events = noEvents;
  }

  /** The key in the body; answers 401 itself where there is none. */
  #keyInBody(given: JsonObject | undefined): WriteKey | undefined {
    const writeKey = given?.['writeKey'];
    if (typeof writeKey !== 'string' || writeKey === '') {
      this.#refuse(
        401,
        'INGESTION_WRITE_KEY_MISSING',
        'expected a write key: Authorization: Basic base64(key + ":"), or writeKey in the body',
      );
      return undefined;
    }
    const key = this.door.keys.find(writeKey);
    if (key === undefined) this.#refuse(401, 'INGESTION_WRITE_KEY_UNKNOWN', unknownKey);
    return key;
  }

  /** Refuses with nothing read of the events; where the key is known, the data team finds it in the rejected topic. */
  #refuseWhole(key: WriteKey | undefined, code: IngestionErrorCode, detail: string, original: string): void {
    if (key === undefined) {
      this.door.meter.rejected(code);
      this.#refuse(400, code, detail);
    } else {
      // It is kept like an event, so it counts as one.
      const later = this.door.take(key, this.caller.address, 1);
      if (later !== undefined) {
        this.stay.leave();
        return this.#answerLater(later);
      }
      this.door.accept.refuse(saidBy(key), code, detail, original, this.door.clock.now(), () =>
        this.#refuse(400, code, detail),
      );
    }
  }

  #refuse(status: number, code: IngestionErrorCode, detail: string, close = false): void {
    this.stay.leave();
    answerJson(this.caller.response, status, errorJson(code, detail), this.#fromBrowser, close);
  }

  get #fromBrowser(): boolean {
    return this.caller.request.headers.origin !== undefined;
  }

  #answerLater(later: Later): void {
    this.door.turnAway(this.caller, later, false);
  }
}

/** Who says what comes with a key, as each record of it keeps. */
export const saidBy = ({ source, kind }: WriteKey): Pick<Arrival, 'source' | 'trust'> => ({
  source,
  ...(kind === 'browser' ? { trust: kind } : {}),
});

export const unknownKey =
  'the write key is not one of RAPPORT_WRITE_KEYS; take it from the source that sends';
