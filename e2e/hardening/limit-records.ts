import fc from 'fast-check';
import { topics } from '@rapport/contracts';
import { profileIdOf, type Identifier } from '@rapport/kernel';
import { nested, numbers, textAround } from './limit-events.js';

const at = '2026-11-29T10:00:00.000Z';
const origin = 'user_id:raw' as Identifier;
const profileId = profileIdOf(origin);

const event = {
  type: 'track',
  messageId: 'm1',
  origin,
  identifiers: [origin, 'anonymous_id:a'],
  event: 'Order Completed',
  properties: { revenue: 12.5, products: [{ product_id: 'a', category: 'c', price: 1 }] },
  traits: { email: 'raw@example.com' },
  context: { timezone: 'Europe/Berlin', consent: { categoryPreferences: { marketing: true } } },
  timestamp: at,
  receivedAt: at,
  source: 'raw',
};

/** A value of each topic that rooms read, in order. */
const good: Readonly<Record<string, object>> = {
  [topics.accepted.name]: event,
  [topics.identified.name]: { ...event, profileId, acceptedAt: { partition: 0, offset: 1_000_000 } },
  [topics.identityChanged.name]: {
    profileId,
    membershipVersion: 1_000,
    kind: 'linked',
    identifiers: [origin],
    mergedInto: 'p_other',
    at,
    reason: 'raw',
  },
  [topics.profilesChanged.name]: {
    profileId,
    version: 1_000,
    asOf: at,
    transitions: [{ segment: 'new_visitors', kind: 'entered', at }],
    events: [
      {
        type: 'track',
        event: 'Order Completed',
        messageId: 'm1',
        timestamp: at,
        receivedAt: at,
        properties: event.properties,
      },
    ],
    mergedInto: 'p_other',
    view: {
      profileId,
      identifiers: [origin],
      traits: { email: { value: 'raw@example.com', source: 'raw', at, messageId: 'm1' } },
      computedTraits: {},
      segments: [{ name: 'new_visitors', since: at }],
      consent: { marketing: { granted: true, at, source: 'raw' } },
    },
  },
  [topics.messagesRequested.name]: {
    messageId: 'm_1',
    profileId,
    channel: 'email',
    tactic: 'cart_reminder',
    variant: 'plain',
    decisionId: 'd_1',
    to: 'raw@example.com',
    content: { subject: 'Raw', text: 'x', html: '<p>x</p>' },
    requestedAt: at,
  },
  [topics.decisionsMade.name]: {
    decisionId: 'd_1',
    profileId,
    person: origin,
    placement: 'home_hero',
    at,
    chosen: null,
    candidates: [{ tactic: 'category_picks', outcome: 'chosen', reason: '' }],
    propensity: 1,
    holdout: false,
    rung: 'none',
    versions: { playbook: '', profile: 1 },
    features: {},
  },
};

/** Topics that rooms read. */
export const readTopics = Object.keys(good);

/** Paths to everything within a value, itself left out. */
function pathsOf(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    [name],
    ...pathsOf(inner).map((path) => [name, ...path]),
  ]);
}

/** A copy in which something else stands at a path; undefined takes away what stood there. */
function spoilt(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by;
  const inner = (value as Record<string, unknown>)[name];
  const replaced = spoilt(inner, rest, by);
  if (Array.isArray(value)) return value.map((one: unknown, at) => (String(at) === name ? replaced : one));
  return { ...(value as object), [name]: replaced };
}

const anything = fc.oneof(
  fc.jsonValue(),
  numbers,
  textAround(64, 249, 500, 1_000, 40_000),
  nested,
  fc.constantFrom(undefined, null, '', '9999-12-31T23:59:59.999Z', '+275760-09-12T23:59:59.999Z', '1', -1),
);

/** Values of a topic that are in order but for one or two places, as JSON. */
export const nearlyGood = (topic: string): fc.Arbitrary<string> => {
  const value = good[topic];
  const place = fc.tuple(fc.constantFrom(...pathsOf(value)), anything);
  return fc.array(place, { minLength: 1, maxLength: 2 }).map(([one, other]) => {
    const [path, by] = one ?? [[], undefined];
    const first = spoilt(value, path, by);
    const [otherPath = [], otherBy = undefined] = other ?? [];
    try {
      return JSON.stringify(other === undefined ? first : spoilt(first, otherPath, otherBy)) ?? '';
    } catch {
      // The second place was within the first.
      return JSON.stringify(first) ?? '';
    }
  });
};
