import type { RequestedMessage } from '@rapport/contracts';

/** waiting: to be sent when it is due; the others are ends. */
export type MessageState = 'waiting' | 'sent' | 'failed' | 'cancelled';

/** Why a message ended without having been sent. */
export type EndReason =
  /** Failed: the other side's last word; not taken for as long as is tried; nothing that could be sent. */
  | 'refused'
  | 'given_up'
  | 'unreadable'
  /** Cancelled: what was looked at before a try. */
  | 'person_unknown'
  | 'tactic_unknown'
  | 'no_consent'
  | 'suppressed'
  | 'address_gone'
  | 'capped';

/** One message on its way, under its messageId. */
export interface DeliveryState {
  readonly messageId: string;
  readonly profileId: string;
  readonly channel: string;
  readonly partition: number;
  readonly tactic: string;
  /** Who has to take it: the lane that it waits in. */
  readonly destination: string;
  readonly state: MessageState;
  /** Tries since it was requested or replayed. */
  readonly attempts: number;
  /** The last answer of the other side, or why it ended. */
  readonly detail: string;
  readonly reason?: EndReason;
  /** When it was first waited with: from here counts how long it is tried. */
  readonly sinceMs: number;
  /** When the state was reached, or last tried. */
  readonly atMs: number;
  /** Only while waiting: the next try. */
  readonly dueMs?: number;
  /** Kept until it is sent. */
  readonly message?: RequestedMessage;
  /** How often it was replayed. */
  readonly replays: number;
  /** The partition again, while what follows from the end is not yet done: places given back, the end told. */
  readonly unrecorded?: number;
}

export interface StoredDelivery {
  readonly state: DeliveryState;
  /** 0: not stored yet. */
  readonly version: number;
}

/** Which messages are asked for; what is absent does not matter. */
export interface MessageFilter {
  readonly profileIds?: readonly string[];
  readonly state?: MessageState;
  readonly tactic?: string;
  readonly channel?: string;
  /** Reached that state at or after, and before. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Keeps what became of messages. */
export interface DeliveryStore {
  getMany(messageIds: readonly string[]): Promise<readonly (StoredDelivery | undefined)[]>;
  /** Writes each where its version still stands; false where another came first. Resolves when durable. */
  write(changed: readonly StoredDelivery[]): Promise<readonly boolean[]>;
  /** What waits for a destination and is due up to and with an instant, the earliest first. */
  due(lane: Lane, untilMs: number, limit: number): Promise<readonly StoredDelivery[]>;
  /** The earliest due of a destination after an instant. */
  nextDue(lane: Lane, afterMs: number): Promise<number | undefined>;
  /** The destinations that something waits for, each with its earliest due. */
  destinations(
    channel: string,
    partition: number,
  ): AsyncIterable<{ readonly destination: string; readonly dueMs: number }>;
  unrecorded(channel: string, partition: number, limit: number): Promise<readonly StoredDelivery[]>;
  /** The newest first, after a place that `nextCursor` named. */
  list(
    filter: MessageFilter,
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly found: readonly StoredDelivery[]; readonly nextCursor: string | undefined }>;
  /** Drops what ended before an instant; answers how many, at most 1,000 a call. */
  forgetBefore(instantMs: number): Promise<number>;
}

/** Messages of one partition of a channel to one destination. */
export interface Lane {
  readonly channel: string;
  readonly partition: number;
  readonly destination: string;
}
