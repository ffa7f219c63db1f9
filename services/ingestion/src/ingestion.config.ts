import { duration, readConfig, wholeNumber, z } from '@rapport/config';

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
  /** Bytes of request bodies that may be on their way through at once; beyond it the answer is 429. */
  RAPPORT_INGESTION_MAX_IN_FLIGHT_BYTES: wholeNumber(64 << 20, 1 << 16, 4096 * (1 << 20)),
  /** Requests that may be on their way through at once; beyond it the answer is 429. */
  RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS: wholeNumber(5000, 1, 100_000),
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
    maxInFlightBytes: read.RAPPORT_INGESTION_MAX_IN_FLIGHT_BYTES,
    maxInFlightRequests: read.RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS,
    maxAppendDelayMs: read.RAPPORT_INGESTION_MAX_APPEND_DELAY,
    maxAppends: read.RAPPORT_INGESTION_MAX_APPENDS,
  };
}
