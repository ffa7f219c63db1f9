/** One record on its way into a topic. */
export interface SinkRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

/** Where accepted and rejected events go. */
export interface EventSink {
  /** Resolves when all of it is durable; rejects when it is not known to be. */
  append(accepted: readonly SinkRecord[], rejected: readonly SinkRecord[]): Promise<void>;
}
