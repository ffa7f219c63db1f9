/** What one request message may cost, judged before anything is made of it. */
export interface MessageLimits {
  /** Bytes of one message: as it is sent, and as it is after decompression. */
  readonly maxBytes: number;
  /** Messages, texts and blobs within it, at any depth: each becomes an object of its own. */
  readonly maxObjects: number;
  /** Tags, lengths and numbers read while it is decoded: packed numbers need only one byte each. */
  readonly maxReads: number;
  /** Messages within messages. A level of a google.protobuf.Struct takes three, one of a list two. */
  readonly maxDepth: number;
}

/** For a service that says nothing else: as much as an HTTP route takes that says nothing else. */
export const usualLimits: MessageLimits = {
  maxBytes: 1 << 20,
  maxObjects: 50_000,
  maxReads: 250_000,
  // One below where the generated decoders give up by themselves.
  maxDepth: 99,
};

/** For services of others that are mounted beside ours (health, reflection): a name or two. */
export const smallLimits: MessageLimits = { ...usualLimits, maxBytes: 16 * 1024 };
