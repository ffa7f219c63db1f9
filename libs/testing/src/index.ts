export {
  repositoryRoot,
  startPlatform,
  type StartPlatformOptions,
  type TestPlatform,
} from './start-platform.js';
