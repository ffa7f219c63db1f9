import type { RequestedMessage } from '@rapport/contracts';

/** One message on its way, under its messageId. */
export interface DeliveryState {
  readonly messageId: string;
  readonly profileId: string;
  readonly channel: string;
  readonly partition: number;
  /** claimed: being sent; waiting: tried, and due again; sent and failed are ends. */
  readonly state: 'claimed' | 'waiting' | 'sent' | 'failed';
  readonly attempts: number;
  readonly detail: string;
  /** When the state was reached. */
  readonly atMs: number;
  /** Only while waiting: the next try. */
  readonly dueMs?: number;
  /** Kept until the end. */
  readonly message?: RequestedMessage;
  /** The partition again, while the end is not yet in `deliveries.recorded.v1`. */
  readonly unrecorded?: number;
}

export interface StoredDelivery {
  readonly state: DeliveryState;
  /** 0: not stored yet. */
  readonly version: number;
}

/** Keeps what became of messages. */
export interface DeliveryStore {
  getMany(messageIds: readonly string[]): Promise<readonly (StoredDelivery | undefined)[]>;
  /** Writes each where its version still stands; false where another came first. Resolves when durable. */
  write(changed: readonly StoredDelivery[]): Promise<readonly boolean[]>;
  due(channel: string, partition: number, untilMs: number, limit: number): Promise<readonly StoredDelivery[]>;
  nextDue(channel: string, partition: number): Promise<number | undefined>;
  unrecorded(channel: string, partition: number, limit: number): Promise<readonly StoredDelivery[]>;
  /** Drops what ended before an instant; answers how many, at most 1,000 a call. */
  forgetBefore(instantMs: number): Promise<number>;
}
