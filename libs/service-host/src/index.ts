export { HOST, Rooms, type Host, type Room } from './room.js';
export { createCalls, type Calls, type CallsOptions } from './calls.js';
export { hasApiToken, loadCredentials, ownWriteKey, type Credentials } from './credentials.js';
export {
  GrpcServer,
  protoDir,
  serviceDefinition,
  type CallContext,
  type GrpcBinding,
  type ServiceContract,
} from './grpc-server.js';
export { runHost, type RunHostOptions, type RunningHost } from './run-host.js';
export { runService } from './run-service.js';
export { createHttpServer } from './http-server.js';
export { eventLogOptions, settleTopics, topicDifferences } from './engines.js';
export { readHostConfig, type HostConfig } from './host.config.js';
