export {
  createTelemetry,
  openTracing,
  type Logger,
  type Telemetry,
  type TelemetryOptions,
} from './telemetry.js';
export type { Tracing } from './tracing.js';
