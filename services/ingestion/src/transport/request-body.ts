import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { IngestionErrorCode } from '../ingestion.errors.js';

/** Why a body could not be had, with the status that makes clients do the right thing. */
export interface BodyProblem {
  readonly status: 400 | 408 | 415;
  readonly code: IngestionErrorCode;
  readonly detail: string;
  /** The rest of the body is still on its way: the connection cannot be used again. */
  readonly close: boolean;
}

/**
 * Told once: the text, what was wrong, or that there was no room for it. `aborted` is for a client that went away.
 * Asked before of every piece, as it came and as it came out of compression: whether there is room for so many bytes.
 */
export interface BodyReceiver {
  hasRoom(bytes: number): boolean;
  body(text: string, bytes: number): void;
  problem(problem: BodyProblem): void;
  /** `close`: the rest of the body is still on its way. */
  noRoom(close: boolean): void;
  aborted(): void;
}

/** Less than a connection costs to be made anew. */
const smallBytes = 64 * 1024;

/** A body on its way in. */
class Reading {
  #chunks: Buffer[] = [];
  #length = 0;
  #done = false;

  constructor(
    readonly startedMs: number,
    private readonly request: IncomingMessage,
    private readonly limit: number,
    private readonly isGzip: boolean,
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
    else if (this.receiver.hasRoom(chunk.length)) this.#chunks.push(chunk);
    else if (this.#finish()) {
      this.#chunks = [];
      this.request.resume();
      this.receiver.noRoom(true);
    }
  };

  readonly #onEnd = (): void => {
    if (!this.#finish()) return;
    const [first] = this.#chunks;
    const bytes =
      this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#length);
    if (this.isGzip) this.#decompress(bytes);
    else this.receiver.body(bytes.toString('utf8'), bytes.length);
  };

  /** Piece by piece: what comes out counts as it comes, and what is too large is not let out of a small body. */
  #decompress(bytes: Buffer): void {
    const pieces: Buffer[] = [];
    let length = 0;
    const gunzip = createGunzip();
    const give = (tell: () => void): void => {
      gunzip.removeAllListeners().on('error', () => undefined);
      gunzip.destroy();
      tell();
    };
    gunzip
      .on('data', (piece: Buffer) => {
        length += piece.length;
        if (length > this.limit) give(() => this.receiver.problem(tooLarge(this.limit, false)));
        else if (this.receiver.hasRoom(piece.length)) pieces.push(piece);
        else give(() => this.receiver.noRoom(false));
      })
      .on('end', () => give(() => this.receiver.body(Buffer.concat(pieces, length).toString('utf8'), length)))
      .on('error', () => give(() => this.receiver.problem(noGzip)));
    gunzip.end(bytes);
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

const noGzip: BodyProblem = {
  status: 400,
  code: 'INGESTION_ENCODING',
  detail: 'content-encoding says gzip; the body is not gzip',
  close: false,
};

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
  /** Since when, in the order in which they came. */
  readonly #unwanted = new Map<IncomingMessage, number>();
  readonly #sweep: NodeJS.Timeout;
  #lookedAtMs = -Infinity;

  constructor(
    private readonly timeoutMs: number,
    private readonly monotonicMs: () => number,
  ) {
    this.#sweep = setInterval(this.#expireOld, Math.max(50, Math.min(1000, timeoutMs / 4)));
    this.#sweep.unref();
  }

  read(request: IncomingMessage, limit: number, receiver: BodyReceiver): void {
    const { 'content-length': length, 'content-encoding': encoding = 'identity' } = request.headers;
    if (Number(length ?? 0) > limit) {
      this.discard(request);
      receiver.problem(tooLarge(limit, true));
      return;
    }
    const isGzip = encoding.toLowerCase() === 'gzip';
    if (!isGzip && encoding !== 'identity') {
      const detail = `content-encoding: expected gzip or none; got ${JSON.stringify(encoding.slice(0, 40))}`;
      const close = this.discard(request);
      receiver.problem({ status: 415, code: 'INGESTION_ENCODING', detail, close });
      return;
    }
    this.#open.add(new Reading(this.monotonicMs(), request, limit, isGzip, receiver, this.#ended));
  }

  /**
   * Takes a body that is not wanted: reads and forgets it, for as long as a body may take. Answers whether so much may
   * still come that the connection had better end.
   */
  discard(request: IncomingMessage): boolean {
    request.resume();
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && Number(length ?? 0) === 0) return false;
    this.#unwanted.set(request, this.monotonicMs());
    return encoding !== undefined || Number(length) > smallBytes;
  }

  /** Ends the requests whose clients went away, at most every 20 ms; answers whether there were any. */
  endAbandoned(): boolean {
    const nowMs = this.monotonicMs();
    if (nowMs - this.#lookedAtMs < 20) return false;
    this.#lookedAtMs = nowMs;
    const before = this.#open.size;
    for (const reading of this.#open) if (reading.isAbandoned) reading.abandon();
    return this.#open.size < before;
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
    for (const [request, startedMs] of this.#unwanted) {
      const isOver = request.complete || request.destroyed;
      if (!isOver && startedMs > before) continue;
      this.#unwanted.delete(request);
      if (!isOver) request.socket.destroy();
    }
  };
}
