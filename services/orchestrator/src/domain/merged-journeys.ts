import type { ProfileId } from '@rapport/kernel';
import { cancelled, settled, type Instance, type JourneyPlan, type PersonJourneys } from './journeys.js';

const hasSent = (instance: Instance): boolean => instance.history.some(({ outcome }) => outcome === 'sent');

/**
 * Two people turned out to be one: what one had under way goes on with the other, but so that the person gets nothing
 * that one of the two would not have got alone. Of the instances of a journey that re-entry would not have allowed
 * beside each other, one stays: one that has sent already, else the one that started first; the others that still wait
 * are cancelled. Instances keep their ids: where nothing new comes, the other's own state is returned.
 */
export function mergeJourneys(
  from: PersonJourneys,
  into: PersonJourneys,
  plans: readonly JourneyPlan[],
): PersonJourneys {
  const known = new Set(into.instances.map(({ id }) => id));
  const brings =
    from.instances.some(({ id }) => !known.has(id)) ||
    Object.entries(from.starts).some(([journey, atMs]) => atMs > (into.starts[journey] ?? -Infinity));
  if (!brings) return into;
  const all = [...into.instances, ...from.instances.filter(({ id }) => !known.has(id))];
  const starts: Record<string, number> = { ...into.starts };
  for (const [journey, atMs] of Object.entries(from.starts)) {
    starts[journey] = Math.max(starts[journey] ?? -Infinity, atMs);
  }
  const kept = all.map((one) => {
    if (one.state !== 'waiting') return one;
    const reentryMs = plans.find(({ name }) => name === one.journey)?.reentryAfterMs ?? Infinity;
    const rival = all.find(
      (other) =>
        other.id !== one.id &&
        other.journey === one.journey &&
        (other.state === 'waiting' || hasSent(other)) &&
        Math.abs(other.startedMs - one.startedMs) < reentryMs &&
        goesBefore(other, one),
    );
    return rival === undefined
      ? one
      : cancelled(one, `the person turned out to be on this journey already (${rival.id})`);
  });
  const newest = kept.sort((a, b) => a.startedMs - b.startedMs);
  return settled({ ...into, starts }, newest);
}

function goesBefore(other: Instance, one: Instance): boolean {
  if (hasSent(other) !== hasSent(one)) return hasSent(other);
  return other.startedMs !== one.startedMs ? other.startedMs < one.startedMs : other.id < one.id;
}

/** What stays of a profile that went into another: nothing that could still send. */
export function emptied(state: PersonJourneys, mergedInto: ProfileId): PersonJourneys {
  return { ...settled(state, []), mergedInto };
}
