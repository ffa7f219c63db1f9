import { duration, readConfig, wholeNumber, z } from '@rapport/config';

const schema = z.object({
  /** Identifiers, and pairs of identifiers, that are remembered in memory: about 300 bytes each. */
  RAPPORT_IDENTITY_CACHE_ENTRIES: wholeNumber(200_000, 1_000, 10_000_000),
  /** How long an identifier is trusted before it is read again; only another process makes it wrong. */
  RAPPORT_IDENTITY_CACHE_TRUST: duration('30s'),
  /** Events per batch, at most. */
  RAPPORT_IDENTITY_MAX_BATCH: wholeNumber(250, 1, 10_000),
});

/** The sizes of this room, in the units that their names say. */
export type IdentityConfig = ReturnType<typeof readIdentityConfig>;

/** Throws CONFIG_INVALID with all problems at once. */
export function readIdentityConfig(environment: Readonly<Record<string, string | undefined>>) {
  const read = readConfig(schema, environment);
  return {
    cache: { entries: read.RAPPORT_IDENTITY_CACHE_ENTRIES, trustMs: read.RAPPORT_IDENTITY_CACHE_TRUST },
    maxBatch: read.RAPPORT_IDENTITY_MAX_BATCH,
  };
}
