/** Every code that ingestion answers with, and when. Verdicts and errors use these and no others. */
export const ingestionErrors = {
  /** The body is not JSON. */
  INGESTION_JSON_MALFORMED: 'the body is not JSON',
  /** The body is JSON, and not of the shape that the route takes. */
  INGESTION_BODY_SHAPE: 'the body has the wrong shape',
  /** More bytes than the route takes, before or after decompression. */
  INGESTION_BODY_TOO_LARGE: 'the body is too large',
  /** `Content-Encoding` is neither gzip nor identity, or the bytes are not gzip. */
  INGESTION_ENCODING: 'the body cannot be decompressed',
  /** The body did not come within the time allowed. */
  INGESTION_BODY_TIMEOUT: 'the body came too slowly',
  /** More events in one request than a batch may hold. */
  INGESTION_BATCH_TOO_MANY: 'the batch has too many events',
  INGESTION_WRITE_KEY_MISSING: 'no write key',
  INGESTION_WRITE_KEY_UNKNOWN: 'unknown write key',
  /** gRPC takes server keys only: browser keys are counted by address, which it cannot tell behind a proxy. */
  INGESTION_WRITE_KEY_BROWSER: 'a browser key where only server keys are taken',
  INGESTION_SOURCE_MISSING: 'no source named',
  /** Over capacity: try again after `Retry-After` seconds; nothing was accepted. */
  INGESTION_OVER_CAPACITY: 'over capacity',
  /** A browser key, from one address: try again after `Retry-After` seconds; nothing was accepted. */
  INGESTION_RATE_LIMITED: 'too many events of a browser key from one address',
  /** Said of an accepted event: an identifier that a browser key may not name people by was left out. */
  INGESTION_BROWSER_IDENTIFIER: 'an identifier of a browser key was ignored',
  /** Said of an accepted event: a browser key grants a consent only for the device that it speaks of. */
  INGESTION_BROWSER_CONSENT: 'a consent of a browser key was ignored',
  /** The log did not take the events: nothing was accepted. */
  INGESTION_LOG_UNAVAILABLE: 'the event log is unavailable',
  /** An event is not an object. */
  INGESTION_EVENT_SHAPE: 'the event is not an object',
  INGESTION_EVENT_TOO_LARGE: 'the event is too large',
  INGESTION_EVENT_TOO_DEEP: 'the event is nested too deeply',
  /** A text or a name within the event holds U+0000. */
  INGESTION_TEXT_INVALID: 'a text cannot be kept',
  INGESTION_TYPE_UNKNOWN: 'unknown type of event',
  /** A field that the type of event needs is absent. */
  INGESTION_FIELD_MISSING: 'a field is missing',
  /** A field has the wrong JSON type. */
  INGESTION_FIELD_TYPE: 'a field has the wrong type',
  INGESTION_MESSAGE_ID_TOO_LONG: 'the messageId is too long',
  /** Nothing says whose event it is. */
  INGESTION_ID_MISSING: 'no identifier',
  /** Every identifier is a value that stands for nobody. */
  INGESTION_ID_BLOCKED: 'every identifier is blocked',
  /** A number in properties, traits or context is not finite, or not between -1e21 and 1e21. */
  INGESTION_NUMBER_RANGE: 'a number is out of range',
  /** An identifier has more than 500 bytes with its type, holds control characters or half of a character, or is a number that JSON cannot carry exactly. */
  INGESTION_ID_INVALID: 'an identifier cannot be kept',
  INGESTION_ID_TOO_MANY: 'too many identifiers',
  /** A timestamp is not ISO 8601. */
  INGESTION_TIMESTAMP_INVALID: 'a timestamp cannot be read',
  /** A timestamp lies too far in the future or the past to be true. */
  INGESTION_TIMESTAMP_RANGE: 'a timestamp is out of range',
  /** The tracking plan of the playbook says otherwise. */
  INGESTION_PLAN_VIOLATION: 'the tracking plan says otherwise',
  /** GET /v1/rejected/{id}: there is none, or it has gone by retention. */
  INGESTION_REJECTED_UNKNOWN: 'no such rejected record',
  /** ReplayRejected: the id is not one that ListRejected gives, or the record has gone by retention. */
  INGESTION_REPLAY_UNKNOWN: 'no such rejected record',
  /** ReplayRejected: the original was cut at 32 KiB, is no single event, or is a stored document. */
  INGESTION_REPLAY_INCOMPLETE: 'the original cannot be replayed',
  /** ReplayRejected: the record still is not what its topic promises. */
  INGESTION_REPLAY_UNREADABLE: 'the original still cannot be read',
  /** The playbook's tracking plan or identity rules cannot be compiled. */
  INGESTION_PLAYBOOK_INVALID: 'the playbook cannot be used',
} as const;

export type IngestionErrorCode = keyof typeof ingestionErrors;
