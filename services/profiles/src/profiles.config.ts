import { duration, readConfig, wholeNumber, z } from '@rapport/config';

const schema = z.object({
  /** Records that are applied, written and told together. All of them may be one person's, and told in one record. */
  RAPPORT_PROFILES_BATCH: wholeNumber(250, 1, 1_000),
  /** People kept in memory with everything about them, over all partitions; about 10 KB each. */
  RAPPORT_PROFILES_PEOPLE_IN_MEMORY: wholeNumber(20_000, 100, 10_000_000),
  /** How long after its instant a timer fires at the earliest, so that events on their way come first. Instants stay exact. */
  RAPPORT_PROFILES_TIMER_GRACE: duration('250ms'),
  /** Calls of WatchProfiles at once; beyond it the answer is RESOURCE_EXHAUSTED. */
  RAPPORT_PROFILES_MAX_WATCHERS: wholeNumber(100, 1, 10_000),
  /** Bytes of changes kept for those who watch and read slowly, in common; who falls further behind is ended. */
  RAPPORT_PROFILES_WATCH_BEHIND_BYTES: wholeNumber(8 << 20, 1 << 16, 1 << 30),
});

/** The room's settings, in the units that their names say. */
export type ProfilesConfig = ReturnType<typeof readProfilesConfig>;

/** Throws CONFIG_INVALID with all problems at once. */
export function readProfilesConfig(environment: Readonly<Record<string, string | undefined>>) {
  const read = readConfig(schema, environment);
  return {
    maxBatch: read.RAPPORT_PROFILES_BATCH,
    peopleInMemory: read.RAPPORT_PROFILES_PEOPLE_IN_MEMORY,
    timerGraceMs: read.RAPPORT_PROFILES_TIMER_GRACE,
    maxWatchers: read.RAPPORT_PROFILES_MAX_WATCHERS,
    maxBehindBytes: read.RAPPORT_PROFILES_WATCH_BEHIND_BYTES,
  };
}
