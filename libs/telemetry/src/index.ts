export { createTelemetry, type Logger, type Telemetry, type TelemetryOptions } from './telemetry.js';
