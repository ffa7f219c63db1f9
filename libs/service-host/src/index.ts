export { HOST, Rooms, type Host, type Room } from './room.js';
export {
  documentUnusable,
  recordUnprocessable,
  rejectionsOf,
  type Rejections,
  type UnusableDocument,
} from './rejections.js';
export { createCalls, type Calls, type CallsOptions } from './calls.js';
export {
  actions,
  allActions,
  allRoles,
  can,
  roles,
  type Access,
  type Action,
  type Role,
} from './access/actions.js';
export { tokenSummary } from './access/access.grpc.js';
export { Gate, seesPersonal, serviceToken, type Asked, type Caller } from './access/gate.js';
export { askedBy, guardRoutes } from './access/guard-routes.js';
export { TokenFile, type ApiToken } from './access/token-file.js';
export { loadCredentials, type Credentials } from './credentials.js';
export {
  formatWriteKeys,
  ownSource,
  ownWriteKey,
  type KeyHolder,
  type KeyHolders,
  type KeyKind,
} from './write-keys.js';
export { addressGroup, clientAddress } from './client-address.js';
export { vouchFor } from './connections.js';
export { grpcBinding, type CallContext, type GrpcBinding } from './grpc-server.js';
export type { Authorize } from './call-guard.js';
export type { MessageLimits } from './message-limits.js';
export { BoundedReader } from './bounded-reader.js';
export { serviceDefinition, type ServiceContract } from './service-definition.js';
export { runHost, type RunHostOptions, type RunningHost } from './run-host.js';
export { runService } from './run-service.js';
export { warmUp } from './warm-up.js';
export { createHttpServer } from './http-server.js';
export { eventLogOptions, settleTopics, topicDifferences } from './engines.js';
export { readHostConfig, tokensFileName, type HostConfig } from './host.config.js';
export { loopbackHostOnly } from './host-header.js';
export { readTls, type Tls, type TlsSettings } from './tls.js';
