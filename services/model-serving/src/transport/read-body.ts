import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { messageOf, RapportError, takeTurn } from '@rapport/kernel';
import { modelsError } from '../model-serving.errors.js';
import type { BodyBudget } from './body-budget.js';

/** The largest body, before and after it is inflated. */
export const maxBodyBytes = 64 << 20;
/** The largest JSON: parsing it takes the event loop for as long as it takes. Tensors beyond go as binary. */
export const maxJsonBytes = 2 << 20;
/** Bodies that are inflated at the same time, and those that wait for it. */
const inflatingAtOnce = 2;
const waitingToInflate = 64;
/** What is inflated, or put together, in one go. */
const pieceBytes = 256 << 10;

/** Of the largest elements. */
const elementAlignment = 8;

const inflaters = { gzip: createGunzip, deflate: createInflate } as const;

/** What one request holds of the budget, from its first byte until it is over. */
export class HeldBytes {
  #bytes = 0;
  #isOver = false;

  constructor(readonly budget: BodyBudget) {}

  /** Throws MODELS_BUSY where there is no room, or nobody who waits any more. */
  take(bytes: number): void {
    if (this.#isOver) throw modelsError('MODELS_BUSY', 'the client has gone');
    this.budget.take(bytes);
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    if (this.#isOver) return;
    this.budget.giveBack(bytes);
    this.#bytes -= bytes;
  }

  end(): void {
    this.giveBack(this.#bytes);
    this.#isOver = true;
  }
}

/** Reads bodies: piece by piece, within the budget, inflated beside the event loop and a few at a time. */
export class BodyReader {
  #inflating = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * The body; what stands at `alignedAt` can be viewed as elements where it lies. Throws MODELS_TOO_LARGE beyond
   * `maxBytes` (as sent, and inflated), MODELS_BUSY where there is no room now.
   */
  async read(
    body: Readable,
    encoding: string,
    maxBytes: number,
    held: HeldBytes,
    alignedAt = 0,
  ): Promise<Buffer> {
    if (encoding === 'identity') return await collectSent(body, maxBytes, held, alignedAt);
    if (!isInflatable(encoding)) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `expected content-encoding gzip, deflate or none; got ${encoding}`,
      );
    }
    const sent = await collectSent(body, maxBytes, held);
    await this.#turnToInflate();
    const inflater = inflaters[encoding]({ chunkSize: pieceBytes });
    try {
      inflater.end(sent);
      const whole = await collect(inflater, maxBytes, held, alignedAt);
      held.giveBack(sent.byteLength);
      return whole;
    } catch (thrown) {
      if (thrown instanceof RapportError) throw thrown;
      throw modelsError('MODELS_INPUT_INVALID', `expected a ${encoding} body: ${messageOf(thrown)}`);
    } finally {
      inflater.destroy();
      this.#inflating--;
      this.#waiting.shift()?.();
    }
  }

  async #turnToInflate(): Promise<void> {
    if (this.#inflating >= inflatingAtOnce) {
      if (this.#waiting.length >= waitingToInflate)
        throw modelsError(
          'MODELS_BUSY',
          `${waitingToInflate} compressed bodies wait to be inflated already: send this one again later`,
        );
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#inflating++;
  }
}

const isInflatable = (encoding: string): encoding is keyof typeof inflaters => encoding in inflaters;

/** What a client sends; one that goes away in the middle is no fault of ours. */
async function collectSent(
  body: Readable,
  maxBytes: number,
  held: HeldBytes,
  alignedAt?: number,
): Promise<Buffer> {
  try {
    return await collect(body, maxBytes, held, alignedAt);
  } catch (thrown) {
    if (thrown instanceof RapportError) throw thrown;
    throw modelsError('MODELS_INPUT_INVALID', `expected the whole body: ${messageOf(thrown)}`);
  }
}

/** All of a stream as one buffer; what is too much ends it. */
async function collect(stream: Readable, maxBytes: number, held: HeldBytes, alignedAt = 0): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // A request that was refused is answered, so its stream stays.
  for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) {
      throw modelsError(
        'MODELS_TOO_LARGE',
        `expected a body of at most ${maxBytes} bytes${maxBytes === maxJsonBytes ? ' of JSON; larger tensors go behind it as bytes (binary_data_size, Inference-Header-Content-Length) or over gRPC' : ''}`,
      );
    }
    held.take(piece.byteLength);
    pieces.push(piece);
  }
  const [only] = pieces;
  if (pieces.length < 2) return only ?? Buffer.alloc(0);
  const before = (elementAlignment - (alignedAt % elementAlignment)) % elementAlignment;
  const whole = Buffer.allocUnsafeSlow(before + bytes).subarray(before);
  let at = 0;
  for (const piece of pieces) {
    at += piece.copy(whole, at);
    const turn = takeTurn();
    if (turn !== undefined) await turn;
  }
  return whole;
}
