import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@rapport/kernel';
import type { AcceptedMeter, AcceptEvents } from '../accept-events.pipeline.js';
import type { Capacity } from '../domain/capacity.js';
import { formatInstant } from '../domain/instants.js';
import type { WriteKeys } from '../domain/write-keys.js';
import type { AppendQueue } from '../steps/append-events.js';
import { answerOverCapacity } from './answers.js';
import type { BodyReader } from './request-body.js';
import { Visit, type Entrance } from './visit.js';

export interface FrontDoorParts {
  readonly clock: Clock;
  readonly keys: WriteKeys;
  readonly accept: AcceptEvents;
  readonly queue: AppendQueue;
  readonly capacity: Capacity;
  readonly bodies: BodyReader;
  readonly meter: AcceptedMeter & { overCapacity(): void };
  /** The log did not take an append: told at most once a second. */
  readonly onLogFailed: (cause: unknown) => void;
  /** Beyond it the log has fallen behind. */
  readonly maxAppendDelayMs: number;
}

/** The longest that a client is asked to wait; Segment's libraries cap it at 300 s. */
const maxRetryAfterSeconds = 30;

/** Lets HTTP requests in while there is room, before their bodies are read. */
export class FrontDoor {
  readonly clock: Clock;
  readonly keys: WriteKeys;
  readonly accept: AcceptEvents;
  readonly capacity: Capacity;
  readonly meter: AcceptedMeter;
  #textOf = 0;
  #text = formatInstant(0);
  #toldAtMs = -Infinity;

  constructor(private readonly parts: FrontDoorParts) {
    this.clock = parts.clock;
    this.keys = parts.keys;
    this.accept = parts.accept;
    this.capacity = parts.capacity;
    this.meter = parts.meter;
  }

  /** Takes a request over; the answer goes straight to the raw response. */
  enter(entrance: Entrance, request: IncomingMessage, response: ServerResponse, knownSource?: string): void {
    const weight = this.isBehind() ? 0 : this.capacity.admit(weightOf(request, entrance.maxBodyBytes));
    if (weight === 0) {
      // What the client still sends is read and forgotten.
      request.resume();
      this.parts.meter.overCapacity();
      answerOverCapacity(
        response,
        this.retryAfterSeconds(),
        this.clock.now(),
        request.headers.origin !== undefined,
      );
      return;
    }
    this.parts.bodies.read(
      request,
      entrance.maxBodyBytes,
      new Visit(this, entrance, request, response, knownSource, weight),
    );
  }

  /** Whether the log has not kept up. */
  isBehind(): boolean {
    return this.parts.queue.oldestMs() > this.parts.maxAppendDelayMs;
  }

  /** As long as the log is behind already, at least a second. */
  retryAfterSeconds(): number {
    return Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(this.parts.queue.oldestMs() / 1000)));
  }

  /** ISO 8601; requests of one millisecond have it in common. */
  instantText(instantMs: number): string {
    if (instantMs !== this.#textOf) {
      this.#textOf = instantMs;
      this.#text = formatInstant(instantMs);
    }
    return this.#text;
  }

  logFailed(cause: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < 1000) return;
    this.#toldAtMs = nowMs;
    this.parts.onLogFailed(cause);
  }
}

/** What a request is counted as before its body is known: chunked and compressed ones may become as large as is allowed. */
function weightOf(request: IncomingMessage, maxBodyBytes: number): number {
  const { headers } = request;
  const length = headers['content-length'];
  if (length === undefined || headers['content-encoding'] !== undefined) return maxBodyBytes;
  return Math.min(Number(length), maxBodyBytes);
}
