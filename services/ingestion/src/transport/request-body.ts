import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import type { IngestionErrorCode } from '../ingestion.errors.js';

/** Why a body could not be had, with the status that makes clients do the right thing. */
export interface BodyProblem {
  readonly status: 400 | 408 | 415;
  readonly code: IngestionErrorCode;
  readonly detail: string;
  /** The rest of the body is still on its way: the connection cannot be used again. */
  readonly close: boolean;
}

/** Told once: the text, or what was wrong. `aborted` is for a client that went away. */
export interface BodyReceiver {
  body(text: string, bytes: number): void;
  problem(problem: BodyProblem): void;
  aborted(): void;
}

/** A body on its way in. */
class Reading {
  #chunks: Buffer[] = [];
  #length = 0;
  #done = false;

  constructor(
    readonly startedMs: number,
    private readonly request: IncomingMessage,
    private readonly limit: number,
    private readonly receiver: BodyReceiver,
    private readonly ended: (reading: Reading) => void,
  ) {
    // Neither taken off again nor joined by one for `close`: a client that goes away is found by the sweep.
    request.on('data', this.#onData);
    request.on('end', this.#onEnd);
  }

  /** Whether the client went away before its body was complete. */
  get isAbandoned(): boolean {
    return this.request.destroyed;
  }

  abandon(): void {
    if (this.#finish()) this.receiver.aborted();
  }

  expire(timeoutMs: number): void {
    this.#fail({
      status: 408,
      code: 'INGESTION_BODY_TIMEOUT',
      detail: `expected the whole body within ${timeoutMs} ms`,
      close: true,
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#done) return;
    this.#length += chunk.length;
    if (this.#length > this.limit) this.#fail(tooLarge(this.limit, true));
    else this.#chunks.push(chunk);
  };

  readonly #onEnd = (): void => {
    if (!this.#finish()) return;
    const [first] = this.#chunks;
    const bytes =
      this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#length);
    const encoding = this.request.headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity')
      this.receiver.body(bytes.toString('utf8'), bytes.length);
    else if (encoding.toLowerCase() === 'gzip') this.#decompress(bytes);
    else {
      const detail = `content-encoding: expected gzip or none; got ${JSON.stringify(encoding.slice(0, 40))}`;
      this.receiver.problem({ status: 415, code: 'INGESTION_ENCODING', detail, close: false });
    }
  };

  /** The limit holds for what comes out, so a small body cannot become a large one in memory. */
  #decompress(bytes: Buffer): void {
    gunzip(bytes, { maxOutputLength: this.limit }, (error, plain) => {
      if (error === null) this.receiver.body(plain.toString('utf8'), plain.length);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        this.receiver.problem(tooLarge(this.limit, false));
      else
        this.receiver.problem({
          status: 400,
          code: 'INGESTION_ENCODING',
          detail: 'content-encoding says gzip; the body is not gzip',
          close: false,
        });
    });
  }

  #fail(problem: BodyProblem): void {
    if (!this.#finish()) return;
    this.request.resume();
    this.receiver.problem(problem);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.ended(this);
    return true;
  }
}

/** 400 rather than 413: Segment's Swift library keeps (and sends for ever) what is answered with anything else. */
function tooLarge(limit: number, close: boolean): BodyProblem {
  return {
    status: 400,
    code: 'INGESTION_BODY_TOO_LARGE',
    detail: `expected a body of at most ${limit} bytes; split it into smaller batches`,
    close,
  };
}

/** Reads bodies within a size and a time. */
export class BodyReader {
  readonly #open = new Set<Reading>();
  readonly #sweep: NodeJS.Timeout;

  constructor(
    private readonly timeoutMs: number,
    private readonly monotonicMs: () => number,
  ) {
    this.#sweep = setInterval(this.#expireOld, Math.max(50, Math.min(1000, timeoutMs / 4)));
    this.#sweep.unref();
  }

  read(request: IncomingMessage, limit: number, receiver: BodyReceiver): void {
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      request.resume();
      receiver.problem(tooLarge(limit, true));
      return;
    }
    this.#open.add(new Reading(this.monotonicMs(), request, limit, receiver, this.#ended));
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  readonly #ended = (reading: Reading): void => void this.#open.delete(reading);

  readonly #expireOld = (): void => {
    const before = this.monotonicMs() - this.timeoutMs;
    for (const reading of this.#open) {
      if (reading.isAbandoned) reading.abandon();
      else if (reading.startedMs <= before) reading.expire(this.timeoutMs);
    }
  };
}
