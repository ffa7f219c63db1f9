export { drop, pass, reject, retry, type Outcome } from './outcome.js';
export { seededRandom, systemClock, VirtualClock, type Clock, type Random } from './clock.js';
export { messageOf, RapportError, type ErrorStatus } from './errors.js';
export {
  canBeKept,
  identifier,
  fitsKeys,
  isProfileId,
  parseIdentifier,
  partsOf,
  profileIdOf,
  type Identifier,
  type Origin,
  type ProfileId,
} from './ids.js';
export { keyBytes, maxKeyBytes, weighsAtMost } from './key-measure.js';
export { addDecimals, amountLimit, decimalOf, isAmount, numberOf, type Decimal } from './decimals.js';
export { codeOf, isPoison, sparing } from './poison.js';
export { parseDuration } from './durations.js';
export { bucketOf, fnv1a32 } from './bucketing.js';
export { runBatch, type BatchReport, type Refusal } from './pipeline.js';
export { aheadOfBatches, mapInTurns, nextTurn, requestsFirst, takeTurn } from './turns.js';
export {
  blockedIdentifierRule,
  blockedValueRule,
  isBlockedIdentifier,
  type BlockedIdentifierRules,
} from './blocked-identifiers.js';
export {
  hiddenValue,
  isPersonalName,
  withoutPersonalIdentifier,
  withoutPersonalText,
  withoutPersonalValues,
} from './personal-values.js';
