import type { PersonOutcomes } from './lift.js';

type FirstMeetings = ReadonlyMap<string, number>;

interface Remembered {
  readonly people: Map<string, FirstMeetings>;
  meetings: number;
}

/**
 * When the newest people of each partition first met which tactic, as their documents say. Only the partition's owner
 * writes those documents, so what is remembered holds until the partition is given up. Nobody who went into another
 * profile is remembered: whoever takes their exposures over may be another process.
 */
export class MetTactics {
  readonly #byPartition = new Map<number, Remembered>();

  /** At most so many first meetings are remembered per partition. */
  constructor(readonly mostMeetings: number) {}

  /** Whether a meeting at an instant would change nothing. */
  knows(partition: number, profileId: string, tactic: string, atMs: number): boolean {
    const firstMs = this.#byPartition.get(partition)?.people.get(profileId)?.get(tactic);
    return firstMs !== undefined && firstMs <= atMs;
  }

  /** Remembers a document as it was written. */
  note(partition: number, { profileId, exposures, mergedInto }: PersonOutcomes): void {
    const there = this.#of(partition);
    drop(there, profileId);
    const met = mergedInto === undefined ? Object.entries(exposures) : [];
    if (met.length === 0) return;
    there.people.set(profileId, new Map(met.map(([tactic, { firstMs }]) => [tactic, firstMs])));
    there.meetings += met.length;
    for (const eldest of there.people.keys()) {
      if (there.meetings <= this.mostMeetings) break;
      drop(there, eldest);
    }
  }

  forget(partition: number): void {
    this.#byPartition.delete(partition);
  }

  #of(partition: number): Remembered {
    let there = this.#byPartition.get(partition);
    if (there === undefined) {
      there = { people: new Map<string, FirstMeetings>(), meetings: 0 };
      this.#byPartition.set(partition, there);
    }
    return there;
  }
}

function drop(there: Remembered, profileId: string): void {
  there.meetings -= there.people.get(profileId)?.size ?? 0;
  there.people.delete(profileId);
}
