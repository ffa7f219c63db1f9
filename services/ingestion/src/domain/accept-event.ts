import { amountLimit, fitsKeys, partsOf, type Identifier } from '@rapport/kernel';
import {
  eventTypes,
  type AcceptedEvent,
  type EventType,
  type JsonObject,
  type Trust,
} from '@rapport/contracts';
import { presentEventName } from './event-names.js';
import { maxIdentifiers, readEmail, readExternalIds, readId, unfit } from './identifiers.js';
import { correctedInstant, earliestMs, formatInstant, maxAheadMs, parseInstant } from './instants.js';
import { flawIn, kindOf, readObject, readText, Refused } from './json-fields.js';

/** The longest messageId that Segment's libraries may send. */
export const maxMessageIdLength = 100;
/** Stores further on take no more than 100 levels; nothing honest needs this many. */
export const maxLevels = 32;

/** What all events of one request have in common. */
export interface Arrival {
  /** The name of the source that the write key belongs to. */
  readonly source: string;
  /** As the key's kind says; absent for server keys. */
  readonly trust?: Trust;
  readonly receivedAtMs: number;
  /** The same as ISO 8601. */
  readonly receivedAt: string;
  /** `sentAt` of the batch, for events that have none of their own. */
  readonly sentAt: unknown;
  /** The type that the route names; undefined where each event names its own. */
  readonly type: EventType | undefined;
  /** `context` of the batch; what an event says itself wins, key by key. */
  readonly context: JsonObject | undefined;
  /** Only for browsers: goes into `context.ip` where that is absent. */
  readonly clientIp: string | undefined;
}

/** What the deployment says about events. */
export interface EntranceRules {
  /** Whether an id is a value that stands for nobody. */
  readonly isBlocked: (value: string) => boolean;
  /** Types of `context.externalIds` that browser keys may name people by. */
  readonly browserExternalIds: ReadonlySet<string>;
  /** What the tracking plan has against an event of this name; undefined when nothing. */
  readonly violationOf: (event: string, properties: JsonObject | undefined) => string | undefined;
}

/** A JSON object as a client sent it. */
export type RawEvent = Readonly<Record<string, unknown>>;

type Draft = { -readonly [Key in keyof AcceptedEvent]: AcceptedEvent[Key] };

const typeByName = new Map<string, EventType>(eventTypes.map((type) => [type, type]));

/** The messageId of an event, or undefined where it has none. */
export function readMessageId(raw: RawEvent): string | undefined | Refused {
  const messageId = readText(raw['messageId'], 'messageId');
  if (typeof messageId === 'string' && messageId.length > maxMessageIdLength) {
    return new Refused(
      'INGESTION_MESSAGE_ID_TOO_LONG',
      `messageId: expected at most ${maxMessageIdLength} characters; got ${messageId.length}`,
    );
  }
  return typeof messageId === 'string' && !fitsKeys(messageId) ? unfit('messageId') : messageId;
}

/** Checks one event and brings it into the form that every room behind reads: one pass, nothing is kept between events. */
export function acceptEvent(
  raw: RawEvent,
  messageId: string,
  arrival: Arrival,
  rules: EntranceRules,
): AcceptedEvent | Refused {
  const type = readType(raw, arrival);
  if (type instanceof Refused) return type;
  const properties = readObject(raw['properties'], 'properties');
  if (properties instanceof Refused) return properties;
  const traits = readObject(raw['traits'], 'traits');
  if (traits instanceof Refused) return traits;
  const context = readContext(raw, arrival);
  if (context instanceof Refused) return context;
  const identifiers = readIdentifiers(raw, type, traits, context, arrival.trust, rules);
  if (identifiers instanceof Refused) return identifiers;
  const origin = identifiers[0] as Identifier;
  const accepted: Draft = {
    type,
    messageId,
    origin,
    identifiers,
    timestamp: '',
    receivedAt: arrival.receivedAt,
    source: arrival.source,
    ...(arrival.trust === undefined ? {} : { trust: arrival.trust }),
  };
  const wrongTime = setInstants(accepted, raw, arrival);
  if (wrongTime !== undefined) return wrongTime;
  const wrongField = setFieldsOfType(accepted, raw, properties, rules);
  if (wrongField !== undefined) return wrongField;
  if (properties !== undefined) accepted.properties = properties;
  if (traits !== undefined) accepted.traits = traits;
  if (context !== undefined) accepted.context = context;
  return flawOf(properties) ?? flawOf(traits) ?? flawOf(context) ?? accepted;
}

/** What no room could keep or count: too deep, or a number that is no amount. */
function flawOf(content: JsonObject | undefined): Refused | undefined {
  const flaw = content === undefined ? undefined : flawIn(content, maxLevels);
  if (flaw === undefined) return undefined;
  return flaw === 'deep'
    ? new Refused(
        'INGESTION_EVENT_TOO_DEEP',
        `expected at most ${maxLevels} levels of nesting; flatten the event`,
      )
    : new Refused(
        'INGESTION_NUMBER_RANGE',
        `expected every number between -${amountLimit} and ${amountLimit}, both excluded; got ${flaw.number}: send it as a string, or in a larger unit`,
      );
}

function readType(raw: RawEvent, arrival: Arrival): EventType | Refused {
  // The route of a single call decides; some libraries repeat the type in the body.
  if (arrival.type !== undefined) return arrival.type;
  const named = raw['type'];
  const type =
    typeof named === 'string' ? (typeByName.get(named) ?? typeByName.get(named.toLowerCase())) : undefined;
  if (type !== undefined) return type;
  const got = typeof named === 'string' ? JSON.stringify(named.slice(0, 60)) : kindOf(named);
  return new Refused(
    'INGESTION_TYPE_UNKNOWN',
    `type: expected identify, track, page, screen, group or alias; got ${got}`,
  );
}

function readContext(raw: RawEvent, arrival: Arrival): JsonObject | undefined | Refused {
  const own = readObject(raw['context'], 'context');
  if (own instanceof Refused) return own;
  const context =
    arrival.context === undefined
      ? own
      : own === undefined
        ? arrival.context
        : { ...arrival.context, ...own };
  if (arrival.clientIp === undefined || context?.['ip'] !== undefined) return context;
  return { ...context, ip: arrival.clientIp };
}

/** The identifiers of an event, strongest first: account, device, then what else is known; never empty. */
function readIdentifiers(
  raw: RawEvent,
  type: EventType,
  traits: JsonObject | undefined,
  context: JsonObject | undefined,
  trust: Trust | undefined,
  { isBlocked, browserExternalIds }: EntranceRules,
): readonly Identifier[] | Refused {
  const userId = readId(raw['userId'], 'user_id', 'userId');
  if (userId instanceof Refused) return userId;
  const anonymousId = readId(raw['anonymousId'], 'anonymous_id', 'anonymousId');
  if (anonymousId instanceof Refused) return anonymousId;
  const identifiers: Identifier[] = [];
  let blocked = false;
  for (const id of [userId, anonymousId]) {
    if (id === undefined) continue;
    if (isBlocked(partsOf(id).value)) blocked = true;
    else identifiers.push(id);
  }
  if (context?.['externalIds'] !== undefined) {
    const external = readExternalIds(context);
    if (external instanceof Refused) return external;
    for (const one of external) {
      const { type: kind, value } = partsOf(one);
      if (trust === 'browser' && !browserExternalIds.has(kind)) continue;
      if (isBlocked(value)) blocked = true;
      else if (!identifiers.includes(one)) identifiers.push(one);
    }
  }
  // What a browser key says to be an address is a trait: it names nobody, or everybody could join everybody.
  const email = trust === 'browser' ? undefined : readAddress(type, traits, context);
  if (email !== undefined && !identifiers.includes(email) && !isBlocked(partsOf(email).value))
    identifiers.push(email);
  if (identifiers.length === 0) {
    return blocked
      ? new Refused(
          'INGESTION_ID_BLOCKED',
          'expected an id of one person; every id of this event is a value that stands for nobody (null, 0, anonymous, …)',
        )
      : new Refused(
          'INGESTION_ID_MISSING',
          trust === 'browser'
            ? 'expected userId or anonymousId, by which browser keys name people; got none of them'
            : 'expected userId or anonymousId (or context.externalIds, or an e-mail trait); got none of them',
        );
  }
  if (identifiers.length > maxIdentifiers) {
    return new Refused(
      'INGESTION_ID_TOO_MANY',
      `expected at most ${maxIdentifiers} identifiers; got ${identifiers.length}`,
    );
  }
  return identifiers;
}

/** The person's e-mail address as an event has it. The traits of a group call describe the group: its address is not the person's. */
export function readAddress(
  type: EventType,
  traits: JsonObject | undefined,
  context: JsonObject | undefined,
): Identifier | undefined {
  const contextTraits = context?.['traits'];
  return (
    (type === 'identify' ? readEmail(traits) : undefined) ??
    (typeof contextTraits === 'object' && contextTraits !== null
      ? readEmail(contextTraits as JsonObject)
      : undefined)
  );
}

/** Sets timestamp, originalTimestamp and sentAt; answers what is wrong with them. */
function setInstants(accepted: Draft, raw: RawEvent, arrival: Arrival): Refused | undefined {
  const original = raw['timestamp'] ?? raw['originalTimestamp'];
  const sentAt = raw['sentAt'] ?? arrival.sentAt;
  let originalMs = NaN;
  if (original !== undefined && original !== null) {
    originalMs = typeof original === 'string' ? parseInstant(original) : NaN;
    if (Number.isNaN(originalMs)) {
      const got = typeof original === 'string' ? JSON.stringify(original.slice(0, 60)) : kindOf(original);
      return new Refused(
        'INGESTION_TIMESTAMP_INVALID',
        `timestamp: expected ISO 8601, for example 2026-11-22T10:00:00.000Z; got ${got}`,
      );
    }
    accepted.originalTimestamp = original as string;
  }
  // A sentAt that cannot be read only means that the client's clock stays uncorrected.
  const sentAtMs = typeof sentAt === 'string' ? parseInstant(sentAt) : NaN;
  if (!Number.isNaN(sentAtMs)) accepted.sentAt = sentAt as string;
  const happenedMs = correctedInstant(originalMs, sentAtMs, arrival.receivedAtMs);
  if (happenedMs > arrival.receivedAtMs + maxAheadMs || happenedMs < earliestMs) {
    return new Refused(
      'INGESTION_TIMESTAMP_RANGE',
      `timestamp: expected an instant from ${formatInstant(earliestMs)} until a day after it was received (${arrival.receivedAt}); got ${JSON.stringify(original)}`,
    );
  }
  accepted.timestamp = happenedMs === arrival.receivedAtMs ? arrival.receivedAt : formatInstant(happenedMs);
  return undefined;
}

/** Sets what this type of event has of its own; answers what is wrong or missing. */
function setFieldsOfType(
  accepted: Draft,
  raw: RawEvent,
  properties: JsonObject | undefined,
  rules: EntranceRules,
): Refused | undefined {
  switch (accepted.type) {
    case 'track': {
      const event = raw['event'];
      if (typeof event !== 'string' || event === '') {
        return event === undefined || event === null || event === ''
          ? new Refused(
              'INGESTION_FIELD_MISSING',
              'event: a track call needs the name of what happened, for example "Order Completed"',
            )
          : new Refused('INGESTION_FIELD_TYPE', `event: expected a string; got ${kindOf(event)}`);
      }
      const name = presentEventName(event);
      accepted.event = name;
      const violation = rules.violationOf(name, properties);
      return violation === undefined ? undefined : new Refused('INGESTION_PLAN_VIOLATION', violation);
    }
    case 'page':
    case 'screen': {
      const name = readText(raw['name'], 'name');
      if (name instanceof Refused) return name;
      const category = readText(raw['category'], 'category');
      if (category instanceof Refused) return category;
      if (name !== undefined) accepted.name = name;
      if (category !== undefined) accepted.category = category;
      return undefined;
    }
    case 'group': {
      const groupId = readId(raw['groupId'], 'group_id', 'groupId');
      if (groupId instanceof Refused) return groupId;
      if (groupId === undefined)
        return new Refused('INGESTION_FIELD_MISSING', 'groupId: a group call needs the id of the group');
      accepted.groupId = partsOf(groupId).value;
      return undefined;
    }
    case 'alias':
      return setPrevious(accepted, raw, rules.isBlocked);
    default:
      return undefined;
  }
}

/** The spec lets previousId be either kind of id; an account must not swallow another, so it is read as a device. */
function setPrevious(
  accepted: Draft,
  raw: RawEvent,
  isBlocked: (value: string) => boolean,
): Refused | undefined {
  const previousId = readId(raw['previousId'], 'anonymous_id', 'previousId');
  if (previousId instanceof Refused) return previousId;
  if (previousId === undefined)
    return new Refused(
      'INGESTION_FIELD_MISSING',
      'previousId: an alias call needs the id that the person had before',
    );
  if (!accepted.origin.startsWith('user_id:'))
    return new Refused('INGESTION_FIELD_MISSING', 'userId: an alias call needs the new id of the person');
  if (isBlocked(partsOf(previousId).value))
    return new Refused(
      'INGESTION_ID_BLOCKED',
      'previousId: expected an id of one person; this value stands for nobody',
    );
  accepted.previous = previousId;
  return undefined;
}
