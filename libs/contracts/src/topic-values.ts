import { z } from 'zod';
import { canBeKept, fitsKeys, maxKeyBytes, weighsAtMost, type Identifier } from '@rapport/kernel';
import {
  eventTypes,
  topics,
  type AcceptedEvent,
  type DecisionRecord,
  type Delivery,
  type EventType,
  type IdentifiedEvent,
  type IdentityChange,
  type ProfileChange,
  type RejectedEvent,
  type RequestedMessage,
} from './topics.js';

/** What the records of each topic say. */
export interface TopicValues {
  readonly 'events.accepted.v1': AcceptedEvent;
  readonly 'events.rejected.v1': RejectedEvent;
  readonly 'events.identified.v1': IdentifiedEvent;
  readonly 'identity.changed.v1': IdentityChange;
  readonly 'profiles.changed.v1': ProfileChange;
  readonly 'messages.requested.v1': RequestedMessage;
  readonly 'deliveries.recorded.v1': Delivery;
  readonly 'decisions.made.v1': DecisionRecord;
}

/** Says what a value should have been; undefined when it is that. As deep as any room relies on it, and no deeper. */
type ValueReader = (value: unknown) => string | undefined;

/** Becomes a key of the log or of a store somewhere behind. */
const keyText = z
  .string()
  .min(1)
  .refine((text) => weighsAtMost(text, maxKeyBytes) && fitsKeys(text), {
    error: `text of at most ${maxKeyBytes} bytes without control characters`,
  });
const isInstant = (text: string): boolean => !Number.isNaN(Date.parse(text));
const instant = z.string().refine(isInstant, { error: 'an ISO 8601 instant' });
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const object = z.custom<object>(isObject, { error: 'an object' });
const isIdentifier = (value: unknown): boolean =>
  typeof value === 'string' && value.indexOf(':') > 0 && canBeKept(value as Identifier);
const identifier = z.custom<string>(isIdentifier, {
  error: `an identifier, type:value, of at most ${maxKeyBytes} bytes`,
});
const count = z.number().int().nonnegative();

/** A profile that went into itself would be followed for ever. */
const intoAnother = <T extends { readonly profileId: string; readonly mergedInto?: string | undefined }>({
  profileId,
  mergedInto,
}: T): boolean => mergedInto !== profileId;
const another = { path: ['mergedInto'], error: 'another profile' };

const identityChange = z
  .looseObject({
    profileId: keyText,
    membershipVersion: z.number().int(),
    kind: z.string(),
    identifiers: z.array(identifier),
    mergedInto: keyText.optional(),
    at: instant,
  })
  .refine(intoAnother, another);

const profileChange = z
  .looseObject({
    profileId: keyText,
    version: count,
    asOf: instant,
    transitions: z.array(
      z.looseObject({ segment: z.string(), kind: z.enum(['entered', 'left']), at: instant }),
    ),
    events: z.array(
      z.looseObject({
        type: z.enum(eventTypes),
        event: z.string().optional(),
        messageId: z.string(),
        timestamp: instant,
        receivedAt: instant,
        properties: object.optional(),
      }),
    ),
    mergedInto: keyText.optional(),
    view: z.looseObject({
      profileId: z.string(),
      identifiers: z.array(z.string()),
      traits: object,
      computedTraits: object,
      segments: z.array(z.looseObject({ name: z.string() })),
      consent: object,
    }),
  })
  .refine(intoAnother, another);

const requestedMessage = z.looseObject({
  messageId: keyText,
  profileId: keyText,
  channel: z.string(),
  tactic: z.string(),
  variant: z.string(),
  decisionId: z.string(),
  to: z.string(),
  content: object,
  requestedAt: instant,
  replay: z.int().positive().optional(),
});

const delivery = z.looseObject({
  messageId: keyText,
  profileId: keyText,
  channel: z.string(),
  outcome: z.enum(['sent', 'failed', 'cancelled']),
  detail: z.string(),
  at: instant,
  replay: z.int().positive().optional(),
});

const decisionRecord = z.looseObject({
  decisionId: keyText,
  profileId: keyText,
  at: instant,
  candidates: z.array(z.looseObject({ tactic: z.string(), outcome: z.string() })),
});

const rejectedEvent = z.looseObject({
  stage: z.string(),
  code: z.string(),
  detail: z.string(),
  rejectedAt: instant,
  original: z.string(),
  messageId: z.string().optional(),
  source: z.string().optional(),
  key: z.string().optional(),
  position: z.looseObject({ topic: z.string(), partition: count, offset: count }).optional(),
  document: z.looseObject({ collection: z.string(), id: z.string() }).optional(),
});

function by(schema: z.ZodType): ValueReader {
  return (value) => {
    const { error } = schema.safeParse(value);
    const [issue] = error?.issues ?? [];
    if (issue === undefined) return undefined;
    const where = issue.path.map(String).join('.');
    return `${where === '' ? 'the value' : where} to be right: ${issue.message}`;
  };
}

const knownTypes: ReadonlySet<unknown> = new Set<EventType>(eventTypes);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** By hand: every event passes here twice, and a schema costs several times as much. */
function accepted(value: unknown): string | undefined {
  if (!isObject(value)) return 'a JSON object';
  if (!knownTypes.has(value['type'])) return `type to be one of ${eventTypes.join(', ')}`;
  if (!isText(value['messageId'])) return 'messageId as text';
  if (!isIdentifier(value['origin']))
    return `origin as an identifier, type:value, of at most ${maxKeyBytes} bytes`;
  const { identifiers } = value;
  if (!Array.isArray(identifiers) || !identifiers.every(isIdentifier))
    return `identifiers as a list of identifiers, type:value, of at most ${maxKeyBytes} bytes each`;
  if (value['previous'] !== undefined && !isIdentifier(value['previous'])) return 'previous as an identifier';
  for (const field of ['timestamp', 'receivedAt'] as const) {
    const text = value[field];
    if (!isText(text) || !isInstant(text)) return `${field} as an ISO 8601 instant`;
  }
  if (!isText(value['source'])) return 'source as text';
  if (value['trust'] !== undefined && value['trust'] !== 'browser') return 'trust to be browser or absent';
  for (const field of ['event', 'name', 'category', 'groupId'] as const) {
    if (value[field] !== undefined && typeof value[field] !== 'string') return `${field} as text`;
  }
  for (const field of ['properties', 'traits', 'context'] as const) {
    if (value[field] !== undefined && !isObject(value[field])) return `${field} as an object`;
  }
  return undefined;
}

function identified(value: unknown): string | undefined {
  const problem = accepted(value);
  if (problem !== undefined) return problem;
  const { profileId, acceptedAt } = value as Readonly<Record<string, unknown>>;
  if (!isText(profileId) || !weighsAtMost(profileId, maxKeyBytes) || !fitsKeys(profileId))
    return `profileId as text of at most ${maxKeyBytes} bytes`;
  if (
    !isObject(acceptedAt) ||
    !Number.isSafeInteger(acceptedAt['partition']) ||
    !Number.isSafeInteger(acceptedAt['offset'])
  )
    return 'acceptedAt with partition and offset';
  return undefined;
}

/** One reader for each topic. */
export const valueReaders: { readonly [Topic in keyof TopicValues]: ValueReader } = {
  [topics.accepted.name]: accepted,
  [topics.rejected.name]: by(rejectedEvent),
  [topics.identified.name]: identified,
  [topics.identityChanged.name]: by(identityChange),
  [topics.profilesChanged.name]: by(profileChange),
  [topics.messagesRequested.name]: by(requestedMessage),
  [topics.deliveriesRecorded.name]: by(delivery),
  [topics.decisionsMade.name]: by(decisionRecord),
};
