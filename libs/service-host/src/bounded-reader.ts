import { BinaryReader } from '@bufbuild/protobuf/wire';
import { RapportError } from '@rapport/kernel';
import type { MessageLimits } from './message-limits.js';

/**
 * Reads a protobuf message for the generated decoders and counts what they make of it: a few bytes can stand for
 * millions of elements, each an object of 100 bytes and more. Throws GRPC_MESSAGE_TOO_LARGE at the first one too many.
 */
export class BoundedReader extends BinaryReader {
  #objects = 0;
  #reads = 0;
  #depth = 0;

  constructor(
    bytes: Uint8Array,
    private readonly limits: MessageLimits,
  ) {
    super(bytes);
    // The base class has this one as a property of each reader.
    const uint32 = this.uint32;
    this.uint32 = () => {
      this.#read();
      return uint32.call(this);
    };
  }

  /** What the decoders that ts-proto generates set on the reader when they enter a message, and set back when they leave it. */
  get __tsProtoDecodeDepth(): number {
    return this.#depth;
  }

  set __tsProtoDecodeDepth(depth: number) {
    if (depth > this.#depth) {
      if (depth > this.limits.maxDepth)
        throw tooMuch(`expected messages within messages at most ${this.limits.maxDepth} deep`);
      this.#object();
    }
    this.#depth = depth;
  }

  override string(strict?: boolean): string {
    this.#object();
    return super.string(strict);
  }

  override bytes(): Uint8Array<ArrayBuffer> {
    this.#object();
    return super.bytes() as Uint8Array<ArrayBuffer>;
  }

  override bool(): boolean {
    this.#read();
    return super.bool();
  }

  override int64(): bigint | string {
    this.#read();
    return super.int64();
  }

  override uint64(): bigint | string {
    this.#read();
    return super.uint64();
  }

  override sint64(): bigint | string {
    this.#read();
    return super.sint64();
  }

  override fixed32(): number {
    this.#read();
    return super.fixed32();
  }

  override sfixed32(): number {
    this.#read();
    return super.sfixed32();
  }

  override float(): number {
    this.#read();
    return super.float();
  }

  override double(): number {
    this.#read();
    return super.double();
  }

  #read(): void {
    if (++this.#reads > this.limits.maxReads)
      throw tooMuch(`expected at most ${this.limits.maxReads} fields and numbers in one message`);
  }

  #object(): void {
    if (++this.#objects > this.limits.maxObjects)
      throw tooMuch(`expected at most ${this.limits.maxObjects} messages, texts and blobs in one message`);
  }
}

const tooMuch = (expected: string): RapportError =>
  new RapportError('GRPC_MESSAGE_TOO_LARGE', 'too_large', `${expected}; send it in smaller parts`);
