export { runPlatform, serviceModules, type ServiceName } from './platform.js';
