export { createGateway, type GatewayOptions } from './gateway.js';
export { SupervisedProcess, type Listening, type ProcessState, type SupervisedProcessOptions } from './supervised-process.js';
