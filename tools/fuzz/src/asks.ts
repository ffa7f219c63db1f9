/** What the fuzzer asks the process under test beside its doors: the embedded log belongs to that process alone. */
export type Ask =
  /** Puts raw records into a topic, as a producer of somebody else's would. */
  | { readonly ask: 'append'; readonly topic: string; readonly records: readonly RawRecord[] }
  /** What each consumer group has not handled, and where it stands. */
  | { readonly ask: 'lags' }
  /** The messageIds in `events.rejected.v1`, with how often each. */
  | { readonly ask: 'refused' }
  /** The longest that the event loop stood still since the last time this was asked. */
  | { readonly ask: 'standstill' };

/** A record as it goes through IPC: bytes in base64. */
export interface RawRecord {
  readonly key: string;
  readonly value: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GroupLag {
  readonly group: string;
  readonly lag: number;
  /** Where it waits: the next record to be handled, per partition that has one. */
  readonly waitsAt: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly key: string;
    /** Its value as text, cut. */
    readonly value: string;
  }[];
}

export interface Answers {
  readonly append: { readonly refused?: string };
  readonly lags: readonly GroupLag[];
  readonly refused: readonly string[];
  readonly standstill: { readonly ms: number };
}
