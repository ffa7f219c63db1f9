import { consentChoices, type AcceptedEvent } from '@rapport/contracts';
import { partsOf } from '@rapport/kernel';
import type { IngestionErrorCode } from '../ingestion.errors.js';
import { readAddress } from './accept-event.js';
import { readExternalIds } from './identifiers.js';
import { Refused } from './json-fields.js';

/** A part of an accepted event that has no effect, and why. */
export interface Ignored {
  readonly code: IngestionErrorCode;
  readonly detail: string;
}

/** What an event of a browser key claims that such a key cannot (docs/adr/0017). */
export function ignoredOf(event: AcceptedEvent): readonly Ignored[] {
  const ignored: Ignored[] = [];
  const external = readExternalIds(event.context);
  const names = new Set<string>();
  if (!(external instanceof Refused))
    for (const one of external) if (!event.identifiers.includes(one)) names.add(partsOf(one).type);
  if (readAddress(event.type, event.traits, event.context) !== undefined) names.add('email');
  if (names.size > 0) {
    ignored.push({
      code: 'INGESTION_BROWSER_IDENTIFIER',
      detail: `${[...names].join(', ')}: browser keys name people by userId, anonymousId and the types of RAPPORT_BROWSER_EXTERNAL_IDS; to name them by more, send it with a server key`,
    });
  }
  const { chosen, carried } = consentChoices(event);
  const granted = [...chosen, ...carried].filter(([, isGranted]) => isGranted).map(([purpose]) => purpose);
  if (granted.length > 0 && !event.origin.startsWith('anonymous_id:')) {
    ignored.push({
      code: 'INGESTION_BROWSER_CONSENT',
      detail: `${[...new Set(granted)].slice(0, 10).join(', ')}: with a browser key a device consents for itself, in events without userId; to record the consent of an account, send it with a server key`,
    });
  }
  return ignored;
}
