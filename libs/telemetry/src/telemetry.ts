import { pino, type Logger } from 'pino';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import type { Tracing } from './tracing.js';

export type { Logger };

/** Logs, metrics and their registry, passed to every room. */
export interface Telemetry {
  readonly log: Logger;
  readonly registry: Registry;
  /** Absent where no collector is configured. */
  readonly tracing?: Tracing;
  /** A counter named `rapport_<room>_<thing>_total`; the same name gives the same counter. */
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** A histogram in seconds. */
  seconds(name: string, help: string, labels?: readonly string[]): Histogram;
}

export interface TelemetryOptions {
  readonly service: string;
  /** trace, debug, info, warn, error or silent. Default info. */
  readonly level?: string;
  /** Readable lines in place of JSON. */
  readonly readable?: boolean;
  /** Process metrics (memory, event loop) too. Default false. */
  readonly processMetrics?: boolean;
  /** Absent: no tracing. */
  readonly tracing?: Tracing;
}

/** Boundaries of OpenTelemetry's semantic conventions for durations, in seconds, with finer steps below 5 ms. */
const secondsBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Tracing to an OTLP/HTTP collector, loaded only where there is one. */
export async function openTracing(service: string, endpoint: string): Promise<Tracing> {
  return (await import('./tracing.js')).createTracing(service, endpoint);
}

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const registry = new Registry();
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const log = pino({
    level: options.level ?? 'info',
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    ...(options.readable === true
      ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,service' } } }
      : {}),
  });
  return {
    log,
    registry,
    ...(options.tracing === undefined ? {} : { tracing: options.tracing }),
    counter: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Counter | undefined) ??
      new Counter({ name, help, labelNames: [...labels], registers: [registry] }),
    gauge: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Gauge | undefined) ??
      new Gauge({ name, help, labelNames: [...labels], registers: [registry] }),
    seconds: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Histogram | undefined) ??
      new Histogram({ name, help, labelNames: [...labels], buckets: secondsBuckets, registers: [registry] }),
  };
}
