import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Spans of this process; absent where no collector is configured, so that nothing is paid for it. */
export interface Tracing {
  readonly tracer: Tracer;
  /** A server span that continues the caller's trace (`traceparent`, `tracestate`). */
  startServerSpan(
    name: string,
    carrier: Readonly<Record<string, unknown>>,
    attributes: Readonly<Record<string, string | number>>,
  ): Span;
  /** Ends a span; an error marks it failed. */
  end(span: Span, error?: unknown): void;
  /** Sends what is left. */
  stop(): Promise<void>;
}

const propagator = new W3CTraceContextPropagator();
const getter = {
  keys: (carrier: Readonly<Record<string, unknown>>): string[] => Object.keys(carrier),
  get: (carrier: Readonly<Record<string, unknown>>, key: string): string | undefined => {
    const value = carrier[key];
    return typeof value === 'string' ? value : undefined;
  },
};

/** Tracing over OTLP/HTTP to `endpoint` (OTEL_EXPORTER_OTLP_ENDPOINT, for example http://127.0.0.1:4318). */
export function createTracing(service: string, endpoint: string): Tracing {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': `rapport-${service}` }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 4096, scheduledDelayMillis: 1000 })],
  });
  propagation.setGlobalPropagator(propagator);
  const tracer = provider.getTracer('rapport');
  return {
    tracer,
    startServerSpan: (name, carrier, attributes) => {
      const parent: Context = propagator.extract(context.active(), carrier, getter);
      return tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: { ...attributes } }, parent);
    },
    end: (span, error) => {
      if (error !== undefined) {
        span.setStatus({
          code: SpanStatusCode.ERROR,
          message: error instanceof Error ? error.message : JSON.stringify(error),
        });
      }
      span.end();
    },
    stop: async () => {
      await provider.shutdown();
      trace.disable();
    },
  };
}
