/** A record that is about to be appended. */
export interface NewRecord {
  /** Records of one key stay in order, in one partition. */
  readonly key: string;
  /** The payload, JSON by convention; null is a tombstone on a compacted topic. */
  readonly value: Uint8Array | null;
  /** CloudEvents attributes and trace context; values are UTF-8 text. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch; the log's clock where absent. */
  readonly timestampMs?: number;
}

/** A record as it stands in the log. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  /** Counts up from 0 within the partition, without doubles; compaction and retention leave holes. */
  readonly offset: number;
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

/** Where a record was put. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
}

/** One topic as the deployment wants it. */
export interface TopicContract {
  readonly name: string;
  readonly partitions: number;
  /** Records older than this may go; -1 keeps them for ever. */
  readonly retentionMs: number;
  /** Keeps at least the newest record of each key; older ones of the key may go. */
  readonly compacted?: boolean;
}

/** What a consumer is given: records of one partition, in order. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /**
   * False as soon as this consumer no longer owns the partition (rebalance, stop). Check it before every write
   * to a store; a batch that finds itself disowned throws and is delivered again to the new owner.
   */
  owned(): boolean;
}

export interface ConsumerOptions {
  /** Consumers of one group share the partitions; each group has its own positions. */
  readonly group: string;
  /** Co-partitioned: partition n of each of these topics goes to the same member of the group. */
  readonly topics: readonly string[];
  /** Default 500. A batch may be smaller; it is never empty. */
  readonly maxBatch?: number;
  /**
   * Called with one batch at a time per partition number (over all topics: batches of partition n of any topic
   * never run side by side) while the partition is owned. The position is committed after it resolves. If it throws,
   * the batch is delivered again after a backoff; nothing is skipped but what `onPoison` took.
   */
  readonly onBatch: (batch: RecordBatch) => Promise<void>;
  /**
   * Takes a record with which `onBatch` cannot get on (`isPoison` of the kernel says what counts: never an engine that is
   * away) when it comes alone. The batch that failed has been delivered again in halves, so work must be harmless when
   * it is repeated in smaller batches. Once this resolves the record counts as handled, and the records behind it go on,
   * those of its key too. If it throws, record and call come again. Absent: the batch is delivered again for ever.
   */
  readonly onPoison?: (record: LogRecord, thrown: unknown) => Promise<void>;
  /** Called, also one at a time per partition number, when the partition is taken over, before its first batch. */
  readonly onAssigned?: (partition: number) => Promise<void>;
  readonly onRevoked?: (partition: number) => void;
  /** Called each time that `onBatch` or `onAssigned` threw, with what was thrown and when it is tried again. */
  readonly onFailure?: (failure: ConsumeFailure) => void;
}

/** Work of a consumer that failed and will be tried again. */
export interface ConsumeFailure {
  readonly group: string;
  /** -1: the consumer as a whole (its connection, its membership). */
  readonly partition: number;
  readonly thrown: unknown;
  readonly retryInMs: number;
}

export interface Consumer {
  /** Records that this group has not yet committed, over all its topics. */
  lag(): Promise<number>;
  /** Runs work that must not run beside a batch of the same partition number (a due timer); waits its turn. */
  exclusively<T>(partition: number, work: () => Promise<T>): Promise<T>;
  /** The partition numbers that this consumer owns now. */
  assigned(): readonly number[];
  /** Resolves when everything that was in the topics at the call has been handled and committed. */
  caughtUp(): Promise<void>;
  /** Stops fetching, lets the batch in hand end, commits, leaves the group. */
  stop(): Promise<void>;
}

/** How a consumer came into its group after its start. */
export interface Admission {
  readonly group: string;
  /** When it asked and when the group let it in, as performance.now() tells: between them is the broker's and the other members' time. */
  readonly askedAtMs: number;
  readonly joinedAtMs: number;
}

/** A partitioned, durable, replayable log. The contract suite (`eventLogContract`) says what holds for every adapter. */
export interface EventLog {
  /** Makes the topics exist as the contracts say; throws EVENT_LOG_TOPIC_MISMATCH where one exists otherwise. */
  ensureTopics(contracts: readonly TopicContract[]): Promise<void>;
  /** Resolves after the records are durable, with their places in the order given. All or none become visible per partition. */
  append(topic: string, records: readonly NewRecord[]): Promise<readonly Position[]>;
  consume(options: ConsumerOptions): Promise<Consumer>;
  /** Reads on from an offset without a group (replay, tail): at most `max` records, empty at the end. */
  read(topic: string, partition: number, fromOffset: number, max: number): Promise<readonly LogRecord[]>;
  /** First offset still kept and the offset after the last, per partition. */
  bounds(topic: string): Promise<readonly { readonly first: number; readonly end: number }[]>;
  /** Records that a group has not committed yet in these topics, also when no consumer of it runs. */
  groupLag(group: string, topics: readonly string[]): Promise<number>;
  /**
   * The next offset that a group has to handle, per partition of a topic: says whether what was in the topic at some
   * moment has been handled. Where an adapter cannot tell, a lag of 0 is waited for.
   */
  committed?(group: string, topic: string): Promise<readonly number[]>;
  /** Why records are not taken at the moment, in the engine's last words, while an append is repeated; for people. */
  lastRefusal?(): string | undefined;
  /** Resolves when every consumer so far has taken over its first partitions. Absent where nobody has to be asked. */
  admitted?(): Promise<readonly Admission[]>;
  /** The partition that a key of this topic falls into. */
  partitionOf(topic: string, key: string): number;
  /** Drops what retention lets go and compacts; the adapter also does it by itself now and then. */
  maintain(): Promise<void>;
  close(): Promise<void>;
}
