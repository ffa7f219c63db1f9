import { RapportError } from '@rapport/kernel';

/** A call whose request message is on its way in. */
export interface Inflowing {
  /** Ends the call with the reason. */
  end(reason: RapportError): void;
}

interface Waiting {
  bytes: number;
  sinceMs: number;
  /** Nothing has to come before the client wants it to (a stream between two messages). */
  readonly mayRest: boolean;
}

/** Below this a call is not refused for what others have sent: small requests go on while large ones fill the room. */
const alwaysBytes = 64 * 1024;

/**
 * Counts what has arrived of request messages that are not complete: their bytes lie in memory, and nobody but the
 * client decides when the rest comes.
 */
export class Inflow {
  readonly #calls = new Map<Inflowing, Waiting>();
  readonly #sweep: NodeJS.Timeout;
  #bytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly timeoutMs: number,
    private readonly monotonicMs: () => number,
  ) {
    this.#sweep = setInterval(this.#endSlow, Math.max(20, Math.min(1000, timeoutMs / 4))).unref();
  }

  /** What lies in memory of all calls together. */
  get bytes(): number {
    return this.#bytes;
  }

  begin(call: Inflowing, mayRest: boolean): void {
    this.#calls.set(call, { bytes: 0, sinceMs: this.monotonicMs(), mayRest });
  }

  arrived(call: Inflowing, bytes: number): void {
    const waiting = this.#calls.get(call);
    if (waiting === undefined) return;
    if (waiting.bytes === 0 && waiting.mayRest) waiting.sinceMs = this.monotonicMs();
    waiting.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.maxBytes && waiting.bytes > alwaysBytes) {
      this.leave(call);
      call.end(
        new RapportError(
          'GRPC_OVER_CAPACITY',
          'exhausted',
          'the platform has no room for so large a message at the moment; send it again in 1 s',
          '1',
        ),
      );
    }
  }

  /** A message is complete: whoever takes it counts it from here on. */
  complete(call: Inflowing): void {
    const waiting = this.#calls.get(call);
    if (waiting === undefined) return;
    this.#bytes -= waiting.bytes;
    waiting.bytes = 0;
    if (!waiting.mayRest) this.#calls.delete(call);
  }

  leave(call: Inflowing): void {
    this.#bytes -= this.#calls.get(call)?.bytes ?? 0;
    this.#calls.delete(call);
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  readonly #endSlow = (): void => {
    const before = this.monotonicMs() - this.timeoutMs;
    for (const [call, waiting] of this.#calls) {
      if (waiting.sinceMs > before || (waiting.mayRest && waiting.bytes === 0)) continue;
      this.leave(call);
      call.end(
        new RapportError(
          'GRPC_MESSAGE_TIMEOUT',
          'invalid',
          `expected the whole request message within ${this.timeoutMs} ms`,
        ),
      );
    }
  };
}
