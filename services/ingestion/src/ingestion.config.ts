import { duration, readConfig, wholeNumber, z } from '@rapport/config';
import type { CapacityLimits } from './domain/capacity.js';

/** Not the types that say who somebody is: whoever has a public key could join anybody to anybody by them. */
const externalIdTypes = z
  .string()
  .default('')
  .transform((text, context) => {
    const types = text
      .split(',')
      .map((type) => type.trim())
      .filter((type) => type !== '');
    for (const type of types) {
      if (/^[a-z][a-z0-9_]{0,31}$/.test(type) && !['user_id', 'anonymous_id', 'email'].includes(type))
        continue;
      context.addIssue({
        code: 'custom',
        message: `expected types like ga_client_id, comma between, other than user_id, anonymous_id and email; got ${JSON.stringify(type.slice(0, 60))}`,
      });
    }
    return new Set(types);
  });

/**
 * An event may be so large at most: its records have up to 20 identifiers and what rooms add beside it, and the log takes
 * 1,000,000 bytes.
 */
const mostEventBytes = 900_000;

const schema = z.object({
  /** One event as JSON, bytes, at most 900,000. Segment's libraries send at most 32 KiB. */
  RAPPORT_INGESTION_MAX_EVENT_BYTES: wholeNumber(32 * 1024, 1024, mostEventBytes),
  /** One request, bytes, before and after decompression. Segment's libraries split at 480 KiB. */
  RAPPORT_INGESTION_MAX_BODY_BYTES: wholeNumber(500 * 1024, 1024, 16 << 20),
  /** Events in one request. */
  RAPPORT_INGESTION_MAX_BATCH_EVENTS: wholeNumber(2500, 1, 100_000),
  /** One event of a file import, bytes, at most 900,000: an invoice may have many lines. */
  RAPPORT_INGESTION_IMPORT_MAX_EVENT_BYTES: wholeNumber(500 * 1000, 1024, mostEventBytes),
  /** One request of a file import, bytes. */
  RAPPORT_INGESTION_IMPORT_MAX_BODY_BYTES: wholeNumber(5 << 20, 1024, 64 << 20),
  /** How long a client may take to send a body. */
  RAPPORT_INGESTION_BODY_TIMEOUT: duration('10s'),
  /**
   * Bytes of request bodies that may be on their way through at once, of requests that show a key in their header, as
   * they arrive and as they come out of compression; beyond it the answer is 429.
   */
  RAPPORT_INGESTION_MAX_IN_FLIGHT_BYTES: wholeNumber(64 << 20, 1 << 16, 4096 * (1 << 20)),
  /** The same as a number of requests. */
  RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS: wholeNumber(5000, 1, 100_000),
  /** Of both, the part in percent that one key may have, and all browser keys together. */
  RAPPORT_INGESTION_MAX_KEY_PERCENT: wholeNumber(50, 1, 100),
  /** Bytes and requests at once from one address (of IPv6 the /64 network) that shows no key or a browser key. */
  RAPPORT_INGESTION_MAX_ADDRESS_BYTES: wholeNumber(4 << 20, 1 << 16, 4096 * (1 << 20)),
  RAPPORT_INGESTION_MAX_ADDRESS_REQUESTS: wholeNumber(100, 1, 100_000),
  /**
   * Bytes and requests at once of all that show no key in their header, since it is in their body if anywhere; beside
   * those above.
   */
  RAPPORT_INGESTION_MAX_KEYLESS_BYTES: wholeNumber(8 << 20, 1 << 16, 4096 * (1 << 20)),
  RAPPORT_INGESTION_MAX_KEYLESS_REQUESTS: wholeNumber(500, 1, 100_000),
  /** Events per second that one browser key may send from one address (of IPv6 the /64 network), and at once after a pause. */
  RAPPORT_BROWSER_EVENTS_PER_SECOND: wholeNumber(100, 1, 1_000_000),
  RAPPORT_BROWSER_EVENTS_BURST: wholeNumber(1000, 1, 10_000_000),
  /** Types of `context.externalIds`, comma between, that browser keys may name people by. */
  RAPPORT_BROWSER_EXTERNAL_IDS: externalIdTypes,
  /** When the log has not made an append durable for this long, the answer is 429 until it has. */
  RAPPORT_INGESTION_MAX_APPEND_DELAY: duration('2s'),
  /** Appends on their way to the log at once. */
  RAPPORT_INGESTION_MAX_APPENDS: wholeNumber(4, 1, 64),
});

/** The limits of the front door, in the units that their names say. */
export type IngestionConfig = ReturnType<typeof readIngestionConfig>;

/** Throws CONFIG_INVALID with all problems at once. */
export function readIngestionConfig(environment: Readonly<Record<string, string | undefined>>) {
  const read = readConfig(schema, environment);
  return {
    events: {
      maxEventBytes: read.RAPPORT_INGESTION_MAX_EVENT_BYTES,
      maxBodyBytes: read.RAPPORT_INGESTION_MAX_BODY_BYTES,
      maxBatchEvents: read.RAPPORT_INGESTION_MAX_BATCH_EVENTS,
    },
    imports: {
      maxEventBytes: read.RAPPORT_INGESTION_IMPORT_MAX_EVENT_BYTES,
      maxBodyBytes: read.RAPPORT_INGESTION_IMPORT_MAX_BODY_BYTES,
      maxBatchEvents: read.RAPPORT_INGESTION_MAX_BATCH_EVENTS,
    },
    bodyTimeoutMs: read.RAPPORT_INGESTION_BODY_TIMEOUT,
    capacity: capacityOf(read),
    browserRate: {
      perSecond: read.RAPPORT_BROWSER_EVENTS_PER_SECOND,
      burst: read.RAPPORT_BROWSER_EVENTS_BURST,
    },
    browserExternalIds: read.RAPPORT_BROWSER_EXTERNAL_IDS,
    maxAppendDelayMs: read.RAPPORT_INGESTION_MAX_APPEND_DELAY,
    maxAppends: read.RAPPORT_INGESTION_MAX_APPENDS,
  };
}

function capacityOf(read: z.output<typeof schema>): CapacityLimits {
  const keyed = {
    bytes: read.RAPPORT_INGESTION_MAX_IN_FLIGHT_BYTES,
    requests: read.RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS,
  };
  const part = (whole: number): number =>
    Math.max(1, Math.floor((whole * read.RAPPORT_INGESTION_MAX_KEY_PERCENT) / 100));
  return {
    keyed,
    perKey: { bytes: part(keyed.bytes), requests: part(keyed.requests) },
    perAddress: {
      bytes: read.RAPPORT_INGESTION_MAX_ADDRESS_BYTES,
      requests: read.RAPPORT_INGESTION_MAX_ADDRESS_REQUESTS,
    },
    keyless: {
      bytes: read.RAPPORT_INGESTION_MAX_KEYLESS_BYTES,
      requests: read.RAPPORT_INGESTION_MAX_KEYLESS_REQUESTS,
    },
  };
}
