import { consentChoices, type ProfileView } from '@rapport/contracts';
import { isoOf } from './instants.js';
import { isNewer, type ProfileEvent } from './profile-event.js';

/** A choice for a purpose. `chosen`: 1 when the person made it then, 0 when an event only carried the state of a device. */
export type ConsentEntry = [
  purpose: string,
  granted: boolean,
  chosen: 0 | 1,
  source: string,
  atMs: number,
  messageId: string,
];

/** Purposes of one origin; those answered last are kept. */
export const mostPurposes = 50;

/**
 * A choice outweighs what events merely carry: a device that has not heard of it goes on sending its old state.
 * Among equals the newer one holds.
 */
export const outweighs = (entry: ConsentEntry, known: ConsentEntry): boolean =>
  entry[2] === known[2] ? isNewer(entry[4], entry[5], known[4], known[5]) : entry[2] > known[2];

/** Which choices are noted, and who is told of one that is dropped because there are too many. */
export interface ConsentFold {
  readonly isHeard: (granted: boolean) => boolean;
  readonly onDropped?: (entry: ConsentEntry) => void;
}
const everything: ConsentFold = { isHeard: () => true };

/** Notes the choices that an event makes or carries; answers whether anything changed. */
export function foldConsents(
  entries: ConsentEntry[],
  event: ProfileEvent,
  { isHeard, onDropped }: ConsentFold = everything,
): boolean {
  const { record, atMs } = event;
  const { carried, chosen } = consentChoices(record);
  let changed = false;
  for (const [purposes, weight] of [
    [carried, 0],
    [chosen, 1],
  ] as const) {
    for (const [purpose, granted] of purposes) {
      if (!isHeard(granted)) continue;
      changed =
        putConsent(entries, [purpose, granted, weight, record.source, atMs, record.messageId], onDropped) ||
        changed;
    }
  }
  return changed;
}

function putConsent(
  entries: ConsentEntry[],
  entry: ConsentEntry,
  onDropped?: ConsentFold['onDropped'],
): boolean {
  const index = entries.findIndex(([purpose]) => purpose === entry[0]);
  if (index !== -1) {
    if (!outweighs(entry, entries[index] as ConsentEntry)) return false;
    entries[index] = entry;
    return true;
  }
  entries.push(entry);
  if (entries.length > mostPurposes) {
    const weakest = entries.reduce((least, one) =>
      outweighs(least, one) || (!outweighs(one, least) && one[0] < least[0]) ? one : least,
    );
    entries.splice(entries.indexOf(weakest), 1);
    onDropped?.(weakest);
  }
  return true;
}

/** The choices of several origins together; the origins in the order of their names. */
export function mergeConsents(
  origins: readonly (readonly ConsentEntry[])[],
  onDropped?: ConsentFold['onDropped'],
): readonly ConsentEntry[] {
  if (origins.length === 1) return origins[0] as readonly ConsentEntry[];
  const merged: ConsentEntry[] = [];
  for (const entries of origins) for (const entry of entries) putConsent(merged, entry, onDropped);
  return merged;
}

/** Consent as the contracts show it, by purpose. */
export function consentsShown(entries: readonly ConsentEntry[]): ProfileView['consent'] {
  return Object.fromEntries(
    entries
      .map(
        ([purpose, granted, chosen, source, atMs]) =>
          [purpose, { granted, at: isoOf(atMs), source, ...(chosen === 1 ? { chosen: true } : {}) }] as const,
      )
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}
