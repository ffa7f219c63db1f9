import type { Door } from '../door.js';

/** Something to put into a platform, the same way each time. */
export interface Input {
  readonly name: string;
  /** What it is, for people. */
  readonly title: string;
  /** Where the platform's clock stands at first. */
  readonly startIso: string;
  readonly playbookDir: string;
  /** Puts everything in through the doors and waits until it is worked in; `folder`: room for what it keeps meanwhile. */
  feed(door: Door, folder: string, say: (line: string) => void): Promise<Fed>;
}

/** What was put in. */
export interface Fed {
  /** Events that were acknowledged. */
  readonly events: number;
  /** Where the clock stands now, and where everybody is compared. */
  readonly atIso: string;
  /** What the platform answered on the way; both forms must have answered the same. */
  readonly answers: Readonly<Record<string, unknown>>;
}
