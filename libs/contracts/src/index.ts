export { consentChoices, type ConsentChoices } from './consent-choices.js';
export { cloudEventHeaders, decodeJson, encodeJson, eventTypes, partitionCount, topics } from './topics.js';
export {
  readRecords,
  readValue,
  recordUnreadable,
  rejectionOf,
  type PlacedRecord,
  type ReadBatch,
  type ReadRecord,
} from './read-records.js';
export {
  maxOriginalBytes,
  placeOf,
  rejectionRecord,
  rejectRecords,
  type Rejection,
  type RejectionLog,
  type RejectionRecord,
} from './reject-records.js';
export type { TopicValues } from './topic-values.js';
export type {
  AcceptedEvent,
  AuditRecord,
  CandidateOutcome,
  DecisionRecord,
  Delivery,
  EventType,
  IdentifiedEvent,
  IdentityChange,
  JsonObject,
  JsonValue,
  ProfileChange,
  ProfileView,
  RejectedEvent,
  RequestedMessage,
  SegmentMembership,
  SegmentTransition,
  TopicDeclaration,
  TraitValue,
  Trust,
} from './topics.js';
/** Messages and service of proto/rapport/ingestion/v1/ingestion.proto. */
export * as ingestionProto from './generated/rapport/ingestion/v1/ingestion.js';
/** Messages and service of proto/rapport/identity/v1/identity.proto. */
export * as identityProto from './generated/rapport/identity/v1/identity.js';
/** Messages and service of proto/rapport/profiles/v1/profiles.proto. */
export * as profilesProto from './generated/rapport/profiles/v1/profiles.js';
/** Messages and service of proto/rapport/models/v1/models.proto. */
export * as modelsProto from './generated/rapport/models/v1/models.js';
/** Messages and service of proto/rapport/orchestrator/v1/decisions.proto. */
export * as decisionsProto from './generated/rapport/orchestrator/v1/decisions.js';
/** Messages and service of proto/rapport/orchestrator/v1/journeys.proto. */
export * as journeysProto from './generated/rapport/orchestrator/v1/journeys.js';
/** Messages and service of proto/rapport/orchestrator/v1/messages.proto. */
export * as messagesProto from './generated/rapport/orchestrator/v1/messages.js';
/** Messages and service of proto/inference/grpc_service.proto. */
export * as inferenceProto from './generated/inference/grpc_service.js';
/** Messages and service of proto/rapport/access/v1/access.proto. */
export * as accessProto from './generated/rapport/access/v1/access.js';
