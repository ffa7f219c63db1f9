import type { Telemetry } from '@rapport/telemetry';
import type { EventFate, ProfilesMeter } from './ports/profiles-meter.js';

/** The room's counters at Prometheus, and for GET /v1/status since the start of the process. */
export class ProfilesCounts implements ProfilesMeter {
  readonly #events;
  readonly #transitions;
  readonly #timers;
  readonly #segments = { entered: 0, left: 0 };

  constructor(telemetry: Telemetry) {
    this.#events = telemetry.counter('rapport_profiles_events_total', 'Events read, by what became of them', [
      'fate',
    ]);
    this.#transitions = telemetry.counter(
      'rapport_profiles_segment_transitions_total',
      'People who entered or left a segment',
      ['segment', 'kind'],
    );
    this.#timers = telemetry.counter(
      'rapport_profiles_timers_fired_total',
      'People for whom something fell due',
    );
  }

  events(fate: EventFate, count: number): void {
    if (count > 0) this.#events.inc({ fate }, count);
  }

  transition(segment: string, kind: 'entered' | 'left'): void {
    this.#transitions.inc({ segment, kind });
    this.#segments[kind]++;
  }

  timersFired(count: number): void {
    this.#timers.inc(count);
  }

  status(): Readonly<Record<string, unknown>> {
    return { segments: { ...this.#segments } };
  }
}
