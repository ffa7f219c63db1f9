/** Every code that this room answers or writes into the rejected topic. */
export const profilesErrors = {
  /** A definition cannot be compiled; the message lists every problem. The room does not start. */
  definitionsInvalid: 'PROFILES_DEFINITIONS_INVALID',
  /** An event could be read but not folded. Goes to the rejected topic. */
  foldFailed: 'PROFILES_FOLD_FAILED',
  /** Documents kept changing under this worker; the batch is delivered again. */
  writeConflict: 'PROFILES_WRITE_CONFLICT',
  /** This worker no longer owns the partition; the batch goes to the new owner. */
  partitionLost: 'PROFILES_PARTITION_LOST',
  /** Nobody is known by that identifier or profile id. */
  personUnknown: 'PROFILES_PERSON_UNKNOWN',
  /** A person was asked for by something that is neither `type:value` nor a profile id. */
  personInvalid: 'PROFILES_PERSON_INVALID',
  /** The playbook has no segment of that name. */
  segmentUnknown: 'PROFILES_SEGMENT_UNKNOWN',
  /** A query parameter or field cannot be read. */
  requestInvalid: 'PROFILES_REQUEST_INVALID',
  /** The front door refused the event of a consent choice. */
  consentRefused: 'PROFILES_CONSENT_REFUSED',
  /** The room has not opened its collections yet. */
  starting: 'PROFILES_STARTING',
  /** WatchProfiles: as many watch as may at once. */
  watchersTooMany: 'PROFILES_WATCHERS_TOO_MANY',
  /** WatchProfiles: changes came faster than they were read, and some are gone. */
  watchTooSlow: 'PROFILES_WATCH_TOO_SLOW',
  /** A cursor did not come from here. */
  cursorInvalid: 'PROFILES_CURSOR_INVALID',
} as const;
