import type { AcceptedEvent, JsonValue } from './topics.js';

type Answers = readonly (readonly [purpose: string, granted: boolean])[];

/** What an event says about consent. */
export interface ConsentChoices {
  /** What the person answered with this event. */
  readonly chosen: Answers;
  /** The state of a device, which events carry along (`context.consent`). */
  readonly carried: Answers;
}

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

const none: Answers = [];

/** Reads the answers that an event gives or carries; of those that it carries, a preference update chooses anew. */
export function consentChoices(
  event: Pick<AcceptedEvent, 'type' | 'event' | 'properties' | 'traits' | 'context'>,
): ConsentChoices {
  const chosen = choicesMade(event);
  const preferences = preferencesOf(event.context?.['consent']);
  return event.event === preferenceUpdated
    ? { chosen: [...preferences, ...chosen], carried: none }
    : { chosen, carried: preferences };
}

function choicesMade(event: Pick<AcceptedEvent, 'type' | 'event' | 'properties' | 'traits'>): Answers {
  if (event.type === 'identify') return choicesIn(event.traits?.['consent']);
  const granted = event.type === 'track' && event.event !== undefined ? answers.get(event.event) : undefined;
  if (granted === undefined) return none;
  const named = [event.properties?.['purpose'], event.properties?.['purposes']].flat();
  const purposes = named.filter(
    (purpose): purpose is string => typeof purpose === 'string' && isPurpose(purpose),
  );
  const meant = purposes.length === 0 && event.event === 'Unsubscribed' ? [marketing] : purposes;
  return meant.map((purpose) => [purpose, granted] as const);
}

const isPurpose = (purpose: string): boolean => purpose !== '' && purpose.length <= maxPurposeLength;

/** `context.consent.categoryPreferences` of the Segment spec. */
function preferencesOf(consent: JsonValue | undefined): Answers {
  if (typeof consent !== 'object' || consent === null || Array.isArray(consent)) return none;
  return choicesIn((consent as Readonly<Record<string, JsonValue>>)['categoryPreferences']);
}

function choicesIn(value: JsonValue | undefined): Answers {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return none;
  return Object.entries(value).filter(
    (entry): entry is [string, boolean] => typeof entry[1] === 'boolean' && isPurpose(entry[0]),
  );
}
