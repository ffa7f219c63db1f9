import type { Telemetry } from '@rapport/telemetry';
import type { AcceptedMeter } from './accept-events.pipeline.js';
import type { Capacity } from './domain/capacity.js';

/** Since this process started, for GET /v1/status. */
export interface FrontDoorStatus {
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Accepted per second since the status was last asked for, over at least one second. */
  readonly perSecond: number;
}

/** Counts in plain numbers and hands them over when somebody asks: an event must not pay for its own statistics. */
export function frontDoorMeter(
  telemetry: Telemetry,
  capacity: Capacity,
  monotonicMs: () => number,
): AcceptedMeter & { overCapacity(): void; status(): FrontDoorStatus } {
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
  const ignored = telemetry.counter(
    'rapport_ingestion_ignored_total',
    'Parts of accepted events that have no effect because a browser key sent them, by code',
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
  const totals = { accepted: 0, rejected: 0 };
  let looked = { atMs: monotonicMs(), accepted: 0, perSecond: 0 };
  return {
    accepted: (source, count) => {
      bySource.set(source, (bySource.get(source) ?? 0) + count);
      totals.accepted += count;
    },
    rejected: (code) => {
      rejected.inc({ code });
      totals.rejected++;
    },
    ignored: (code) => ignored.inc({ code }),
    status: () => {
      const atMs = monotonicMs();
      const elapsedMs = atMs - looked.atMs;
      if (elapsedMs >= 1000) {
        const perSecond = Math.round(((totals.accepted - looked.accepted) / elapsedMs) * 10_000) / 10;
        looked = { atMs, accepted: totals.accepted, perSecond };
      }
      return { received: totals.accepted + totals.rejected, ...totals, perSecond: looked.perSecond };
    },
    overCapacity: () => overCapacity.inc(),
  };
}
