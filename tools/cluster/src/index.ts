export { createGateway, type GatewayOptions } from './gateway.js';
export {
  SupervisedProcess,
  type Listening,
  type ProcessState,
  type StartUp,
  type SupervisedProcessOptions,
} from './supervised-process.js';
export {
  clusterServices,
  runCluster,
  type ClusterService,
  type RunClusterOptions,
  type RunningCluster,
} from './run-cluster.js';
export { startLocalCluster, type LocalCluster, type LocalClusterOptions } from './local-cluster.js';
