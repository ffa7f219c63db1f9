export {
  repositoryRoot,
  startPlatform,
  type StartPlatformOptions,
  type TestPlatform,
} from './start-platform.js';
export { makeTestCertificates, type TestCertificates } from './test-certificates.js';
