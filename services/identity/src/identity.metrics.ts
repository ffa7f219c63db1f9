import type { Telemetry } from '@rapport/telemetry';
import type { IdentityChange } from '@rapport/contracts';

/** What this room counts. */
export interface IdentityMeter {
  identified(count: number): void;
  rejected(count: number): void;
  changed(changes: readonly IdentityChange[]): void;
  /** So far, for GET /v1/status. */
  totals(): { readonly identified: number; readonly rejected: number; readonly merges: number };
}

export function identityMeter(telemetry: Telemetry): IdentityMeter {
  const events = telemetry.counter('rapport_identity_events_total', 'Events by what became of them', [
    'outcome',
  ]);
  const changes = telemetry.counter('rapport_identity_changes_total', 'Identity changes told, by kind', [
    'kind',
  ]);
  const totals = { identified: 0, rejected: 0, merges: 0 };
  return {
    identified: (count) => {
      events.inc({ outcome: 'identified' }, count);
      totals.identified += count;
    },
    rejected: (count) => {
      events.inc({ outcome: 'rejected' }, count);
      totals.rejected += count;
    },
    changed: (told) => {
      for (const { kind, mergedInto } of told) {
        changes.inc({ kind });
        if (mergedInto !== undefined) totals.merges++;
      }
    },
    totals: () => totals,
  };
}
