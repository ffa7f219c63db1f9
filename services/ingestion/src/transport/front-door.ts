import type { IncomingMessage } from 'node:http';
import type { Clock } from '@rapport/kernel';
import { addressGroup, vouchFor } from '@rapport/service-host';
import type { AcceptedMeter, AcceptEvents } from '../accept-events.pipeline.js';
import type { Capacity, Stay } from '../domain/capacity.js';
import type { EventRates } from '../domain/event-rates.js';
import { formatInstant } from '../domain/instants.js';
import type { WriteKey, WriteKeys } from '../domain/write-keys.js';
import type { AppendQueue } from '../steps/append-events.js';
import { answerJson, answerLater, errorJson, type Later } from './answers.js';
import type { BodyReader } from './request-body.js';
import { unknownKey, Visit, type Caller, type Entrance } from './visit.js';

export interface FrontDoorParts {
  readonly clock: Clock;
  readonly keys: WriteKeys;
  readonly accept: AcceptEvents;
  readonly queue: AppendQueue;
  readonly capacity: Capacity;
  /** What browser keys may send, by key and address. */
  readonly rates: EventRates;
  readonly monotonicMs: () => number;
  readonly bodies: BodyReader;
  readonly meter: AcceptedMeter & { overCapacity(): void };
  /** The log did not take an append: told at most once a second. */
  readonly onLogFailed: (cause: unknown) => void;
  /** Somebody was turned away who came with X-Forwarded-For from an address that is not trusted to say so. */
  readonly onUnnamedProxy: (address: string) => void;
  /** Beyond it the log has fallen behind. */
  readonly maxAppendDelayMs: number;
}

/** The longest that a client is asked to wait; Segment's libraries cap it at 300 s. */
const maxRetryAfterSeconds = 30;

/** Judges a key that a request shows before its body, and lets requests in while there is room for them. */
export class FrontDoor {
  readonly clock: Clock;
  readonly keys: WriteKeys;
  readonly accept: AcceptEvents;
  readonly capacity: Capacity;
  readonly meter: AcceptedMeter;
  #textOf = 0;
  #text = formatInstant(0);
  #toldAtMs = -Infinity;
  #toldProxy = false;

  constructor(private readonly parts: FrontDoorParts) {
    this.clock = parts.clock;
    this.keys = parts.keys;
    this.accept = parts.accept;
    this.capacity = parts.capacity;
    this.meter = parts.meter;
  }

  /** Takes a request over; the answer goes straight to the raw response. `importer`: its token was checked already. */
  enter(entrance: Entrance, arriving: Omit<Caller, 'key'>, importer?: WriteKey): void {
    const shown = importer ?? this.keys.inHeader(arriving.request.headers.authorization);
    if (shown === 'unknown') return this.#refuseKey(arriving);
    if (shown !== 'absent' && shown.kind === 'server') vouchFor(arriving.request.socket);
    const caller: Caller = { ...arriving, key: shown === 'absent' ? undefined : shown };
    const later = this.isBehind() ? this.overCapacity() : this.#tooFast(caller.key, caller.address);
    if (later !== undefined) return this.turnAway(caller, later, this.discard(caller.request));
    const stay = this.admit(caller.key, caller.address);
    if (stay === undefined) return this.turnAway(caller, this.overCapacity(), this.discard(caller.request));
    this.parts.bodies.read(caller.request, entrance.maxBodyBytes, new Visit(this, entrance, caller, stay));
  }

  /** Leaves a body unread; answers whether the connection had better end. */
  discard(request: IncomingMessage): boolean {
    return this.parts.bodies.discard(request);
  }

  /** Room inside for a request, by the key that it shows before its body. */
  admit(key: WriteKey | undefined, address: string): Stay | undefined {
    const from = key?.kind === 'server' ? address : addressGroup(address);
    const stay = this.capacity.admit(key, from);
    return stay === undefined && this.endAbandoned() ? this.capacity.admit(key, from) : stay;
  }

  /** Gives the room of clients that went away to those who ask for it; answers whether there were any. */
  endAbandoned(): boolean {
    return this.parts.bodies.endAbandoned();
  }

  /** Counts the events of a browser key; answers when to come again where they are too many for its rate. */
  take(key: WriteKey, address: string, events: number): Later | undefined {
    if (key.kind !== 'browser') return undefined;
    const waitMs = this.parts.rates.take(whoOf(key, address), events, this.parts.monotonicMs());
    return waitMs > 0 ? tooFast(waitMs) : undefined;
  }

  /** Answers 429. */
  turnAway({ request, response, address, key }: Caller, later: Later, close: boolean): void {
    this.parts.meter.overCapacity();
    if (key?.kind !== 'server' && request.headers['x-forwarded-for'] !== undefined)
      this.#tellProxy(request.socket.remoteAddress, address);
    answerLater(response, later, this.clock.now(), request.headers.origin !== undefined, close);
  }

  overCapacity(): Later {
    return {
      code: 'INGESTION_OVER_CAPACITY',
      message: 'the platform takes no more at the moment',
      seconds: this.retryAfterSeconds(),
    };
  }

  /** Told once: whoever comes through a proxy that is not named counts as one client. */
  #tellProxy(connectedTo: string | undefined, address: string): void {
    if (this.#toldProxy || connectedTo?.endsWith(address) !== true) return;
    this.#toldProxy = true;
    this.parts.onUnnamedProxy(address);
  }

  #tooFast(key: WriteKey | undefined, address: string): Later | undefined {
    if (key?.kind !== 'browser') return undefined;
    const waitMs = this.parts.rates.waitMs(whoOf(key, address), this.parts.monotonicMs());
    return waitMs > 0 ? tooFast(waitMs) : undefined;
  }

  #refuseKey({ request, response }: Omit<Caller, 'key'>): void {
    this.meter.rejected('INGESTION_WRITE_KEY_UNKNOWN');
    const close = this.discard(request);
    const fromBrowser = request.headers.origin !== undefined;
    answerJson(response, 401, errorJson('INGESTION_WRITE_KEY_UNKNOWN', unknownKey), fromBrowser, close);
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

/** Whose events are counted together. */
const whoOf = ({ key }: WriteKey, address: string): string => `${key}\n${addressGroup(address)}`;

const tooFast = (waitMs: number): Later => ({
  code: 'INGESTION_RATE_LIMITED',
  message:
    'a browser key takes only so many events from one address (RAPPORT_BROWSER_EVENTS_PER_SECOND); servers have keys of their own',
  seconds: Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(waitMs / 1000))),
});
