import type { Telemetry } from '@rapport/telemetry';
import type { AcceptedMeter } from './accept-events.pipeline.js';
import type { Capacity } from './domain/capacity.js';

/** Counts in plain numbers and hands them over when somebody asks: an event must not pay for its own statistics. */
export function frontDoorMeter(
  telemetry: Telemetry,
  capacity: Capacity,
): AcceptedMeter & { overCapacity(): void } {
  const accepted = telemetry.counter(
    'rapport_ingestion_events_accepted_total',
    'Events accepted and durable, by source',
    ['source'],
  );
  const rejected = telemetry.counter(
    'rapport_ingestion_events_rejected_total',
    'Events and requests refused, by code',
    ['code'],
  );
  const overCapacity = telemetry.counter(
    'rapport_ingestion_over_capacity_total',
    'Requests answered with 429',
  );
  const inFlight = telemetry.gauge(
    'rapport_ingestion_in_flight_bytes',
    'Bytes of request bodies on their way through the front door',
  );
  const bySource = new Map<string, number>();
  const handOver = (): void => {
    for (const [source, count] of bySource) accepted.inc({ source }, count);
    bySource.clear();
  };
  Object.assign(accepted, { collect: handOver });
  Object.assign(inFlight, { collect: () => inFlight.set(capacity.bytes) });
  return {
    accepted: (source, count) => void bySource.set(source, (bySource.get(source) ?? 0) + count),
    rejected: (code) => rejected.inc({ code }),
    overCapacity: () => overCapacity.inc(),
  };
}
