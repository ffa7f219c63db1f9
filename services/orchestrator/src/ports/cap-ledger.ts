import type { Contender, ReserveAnswer } from '../domain/caps.js';

/** A place that was given, on its way to disk. */
export interface Reserved {
  readonly answer: ReserveAnswer;
  /** Resolves when it is durable; false when another process changed the same person first: then ask again. */
  readonly stood: Promise<boolean>;
}

/** Holds how much of a person's attention is used; exact whoever asks at the same time. */
export interface CapLedger {
  /** Gives the place to the first contender with room; asking again for the same decision changes nothing, unless `anew`. */
  reserve(
    profileId: string,
    request: {
      readonly id: string;
      readonly atMs: number;
      readonly timezone: string;
      readonly contenders: readonly Contender[];
      /** Key of the mailbox that mails would go to: caps of mails hold for it too, whoever has it. */
      readonly mailbox?: string;
      /** Moves a place that is held already to this instant; where there is no room then, it is given back. */
      readonly anew?: boolean;
    },
  ): Promise<Reserved>;
  /** Gives a place back, at the mailbox too, when its decision came to nothing. */
  release(profileId: string, id: string): Promise<void>;
  /** What one profile used counts for the profile that it went into. */
  move(from: string, into: string): Promise<void>;
}
