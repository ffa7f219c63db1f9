import type { JsonValue, ProfileView } from '@rapport/contracts';
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
const maxPurposeLength = 64;
/** What an unsubscription without a purpose takes back. */
const marketing = 'marketing';

/** Track events with which a person answers; the purposes stand in `properties.purpose` or `properties.purposes`. */
const answers: ReadonlyMap<string, boolean> = new Map([
  ['Consent Granted', true],
  ['Consent Revoked', false],
  ['Consent Withdrawn', false],
  ['Unsubscribed', false],
]);
const preferenceUpdated = 'Segment Consent Preference Updated';

/**
 * A choice outweighs what events merely carry: a device that has not heard of it goes on sending its old state.
 * Among equals the newer one holds.
 */
const replaces = (entry: ConsentEntry, known: ConsentEntry): boolean =>
  entry[2] === known[2] ? isNewer(entry[4], entry[5], known[4], known[5]) : entry[2] > known[2];

/** Notes the choices that an event makes or carries; answers whether anything changed. */
export function foldConsents(entries: ConsentEntry[], event: ProfileEvent): boolean {
  const { record, atMs } = event;
  const chosen = choicesMade(event);
  const carried = preferences(record.context?.['consent']);
  let changed = false;
  for (const [purposes, weight] of [
    [carried, record.event === preferenceUpdated ? 1 : 0],
    [chosen, 1],
  ] as const) {
    for (const [purpose, granted] of purposes) {
      changed =
        putConsent(entries, [purpose, granted, weight, record.source, atMs, record.messageId]) || changed;
    }
  }
  return changed;
}

type Choices = readonly (readonly [purpose: string, granted: boolean])[];
const noChoices: Choices = [];

function choicesMade({ record }: ProfileEvent): Choices {
  if (record.type === 'identify') return choicesIn(record.traits?.['consent']);
  const granted =
    record.type === 'track' && record.event !== undefined ? answers.get(record.event) : undefined;
  if (granted === undefined) return noChoices;
  const named = [record.properties?.['purpose'], record.properties?.['purposes']].flat();
  const purposes = named.filter(
    (purpose): purpose is string => typeof purpose === 'string' && isPurpose(purpose),
  );
  const meant = purposes.length === 0 && record.event === 'Unsubscribed' ? [marketing] : purposes;
  return meant.map((purpose) => [purpose, granted] as const);
}

const isPurpose = (purpose: string): boolean => purpose !== '' && purpose.length <= maxPurposeLength;

/** `context.consent.categoryPreferences` of the Segment spec. */
function preferences(consent: JsonValue | undefined): Choices {
  if (typeof consent !== 'object' || consent === null || Array.isArray(consent)) return noChoices;
  return choicesIn((consent as Readonly<Record<string, JsonValue>>)['categoryPreferences']);
}

function choicesIn(value: JsonValue | undefined): Choices {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return noChoices;
  return Object.entries(value).filter(
    (entry): entry is [string, boolean] => typeof entry[1] === 'boolean' && isPurpose(entry[0]),
  );
}

function putConsent(entries: ConsentEntry[], entry: ConsentEntry): boolean {
  const index = entries.findIndex(([purpose]) => purpose === entry[0]);
  if (index !== -1) {
    if (!replaces(entry, entries[index] as ConsentEntry)) return false;
    entries[index] = entry;
    return true;
  }
  entries.push(entry);
  if (entries.length > mostPurposes) {
    const weakest = entries.reduce((least, one) =>
      replaces(least, one) || (!replaces(one, least) && one[0] < least[0]) ? one : least,
    );
    entries.splice(entries.indexOf(weakest), 1);
  }
  return true;
}

/** The choices of several origins together; the origins in the order of their names. */
export function mergeConsents(origins: readonly (readonly ConsentEntry[])[]): readonly ConsentEntry[] {
  if (origins.length === 1) return origins[0] as readonly ConsentEntry[];
  const merged: ConsentEntry[] = [];
  for (const entries of origins) for (const entry of entries) putConsent(merged, entry);
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
