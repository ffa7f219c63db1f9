export { runFuzz, type FuzzReport, type RunFuzzOptions } from './run-fuzz.js';
