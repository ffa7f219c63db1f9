import fc from 'fast-check';
import { topics } from '@rapport/contracts';
import { event, instantText } from './events.js';
import { anyJson, anyNumber, anyObject, mostly, type Json } from './json.js';
import { anyText, emailText, idText } from './texts.js';

// Records as other producers write them: an older release, a data team's job, a mistake. What they say is about people of
// their own (`raw…`), so that what the doors took can still be looked for.
const few = (name: string): fc.Arbitrary<string> => fc.integer({ min: 0, max: 15 }).map((n) => `${name}${n}`);

const profileId = fc.oneof(
  { weight: 8, arbitrary: few('p_raw') },
  { weight: 1, arbitrary: anyText.map((text) => `p_raw${text}`) },
);
const identifier = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom('user_id', 'anonymous_id', 'email', 'crm_id'), few('raw')),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constantFrom('user_id', 'x', ''),
        idText.map((id) => `raw${id}`),
      ),
    },
  )
  .map(([type, value]) => `${type}:${value}`);
const identifiers = mostly(fc.array(mostly(identifier, 150), { maxLength: 4 }), 100);
const instant = mostly(instantText, 100);
const whole = mostly(fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 1_000 }) }, anyNumber), 100);
const person = mostly(profileId, 100);
const text = mostly(anyText, 100);

type Fields = Record<string, fc.Arbitrary<Json>>;
/** A record with most of its fields: each may be of the wrong kind or missing. */
const recordOf = (fields: Fields): fc.Arbitrary<Json> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.record(fields) },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Json> },
  );

const eventFields: Fields = {
  type: mostly(fc.constantFrom('track', 'identify', 'page', 'screen', 'group', 'alias'), 100),
  messageId: mostly(fc.oneof(few('raw-'), anyText), 100),
  origin: mostly(identifier, 100),
  identifiers,
  timestamp: instant,
  receivedAt: instant,
  source: text,
};

const accepted: fc.Arbitrary<Json> = fc
  .tuple(
    recordOf(eventFields),
    event,
    mostly(identifier),
    mostly(fc.constantFrom('Order Completed', 'Product Added')),
  )
  .map(([fields, { properties, traits, context }, previous, name]): Json => {
    const given = Object.entries({ properties, traits, context, event: name, previous });
    const more = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    return { ...(fields as Readonly<Record<string, Json>>), ...(more as Readonly<Record<string, Json>>) };
  });

const position = mostly(fc.record({ partition: whole, offset: whole }) as fc.Arbitrary<Json>, 100);
const identified: fc.Arbitrary<Json> = fc
  .tuple(
    accepted,
    recordOf({ profileId: person, acceptedAt: position }),
    fc.constantFrom({}, { folded: true }, { folded: true, renewal: true }),
  )
  .map(([one, more, flags]) => ({ ...(one as object), ...(more as object), ...flags }));

const identityChange = recordOf({
  profileId: person,
  membershipVersion: whole,
  kind: mostly(fc.constantFrom('linked', 'merged', 'unlinked', 'split', 'forgotten'), 100),
  identifiers,
  at: instant,
  reason: text,
}).chain((one) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(one) },
    person.map((into) => ({ ...(one as object), mergedInto: into, other: into, identifiers: [] })),
  ),
);

const datedValue = mostly(
  fc.record({ value: anyJson, source: text, at: instant, messageId: text }) as fc.Arbitrary<Json>,
);
const named = fc.oneof(
  fc.constantFrom('cart_left', 'big_spender', 'revenue_total', 'marketing', 'email'),
  anyText,
);
const view = recordOf({
  profileId: person,
  identifiers,
  traits: mostly(fc.dictionary(named, datedValue, { maxKeys: 3 }) as fc.Arbitrary<Json>),
  computedTraits: mostly(fc.dictionary(named, anyJson, { maxKeys: 3 }) as fc.Arbitrary<Json>),
  segments: mostly(
    fc.array(mostly(fc.record({ name: named, since: instant })), { maxLength: 3 }) as fc.Arbitrary<Json>,
  ),
  consent: mostly(
    fc.dictionary(named, mostly(fc.record({ granted: mostly(fc.boolean()), at: instant, source: text })), {
      maxKeys: 2,
    }) as fc.Arbitrary<Json>,
  ),
  firstSeen: instant,
  lastSeen: instant,
  timezone: mostly(fc.constantFrom('Europe/Berlin', 'Mars/Base')),
});

const happened = mostly(
  fc.record({
    type: mostly(fc.constantFrom('track', 'page')),
    event: mostly(fc.constantFrom('Product Added', 'Order Completed', 'Product Viewed')),
    messageId: text,
    timestamp: instant,
    receivedAt: instant,
    properties: mostly(
      fc.record({ product_id: anyJson, revenue: mostly(anyNumber), category: anyJson, products: anyJson }),
    ),
  }) as fc.Arbitrary<Json>,
  100,
);

const profileChange = recordOf({
  profileId: person,
  version: whole,
  asOf: instant,
  transitions: mostly(
    fc.array(
      mostly(fc.record({ segment: named, kind: mostly(fc.constantFrom('entered', 'left')), at: instant })),
      {
        maxLength: 3,
      },
    ) as fc.Arbitrary<Json>,
  ),
  events: mostly(fc.array(happened, { maxLength: 4 }) as fc.Arbitrary<Json>),
  view: mostly(view, 100),
}).chain((one) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(one) },
    person.map((into) => ({ ...(one as object), mergedInto: into })),
  ),
);

const requested = recordOf({
  messageId: mostly(fc.oneof(few('raw-m'), anyText), 100),
  profileId: person,
  channel: mostly(fc.constantFrom('email', 'email', 'webhook', 'on_site', 'sms'), 100),
  tactic: mostly(fc.constantFrom('cart_reminder', 'personal_call', 'come_back', 'no_such'), 100),
  variant: text,
  decisionId: text,
  to: mostly(
    fc.oneof(emailText, fc.constantFrom('http://127.0.0.1:1/', 'http://[::1]/', 'file:///etc/passwd')),
    100,
  ),
  content: mostly(
    fc.record(
      {
        subject: mostly(anyText),
        text: mostly(anyText),
        html: mostly(anyText),
        items: anyJson,
        unsubscribe: anyJson,
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Json>,
    100,
  ),
  requestedAt: instant,
});

const decision = recordOf({
  decisionId: mostly(fc.oneof(few('raw-d'), anyText), 100),
  profileId: person,
  person: text,
  placement: text,
  at: instant,
  chosen: fc.oneof(
    fc.constant(null),
    mostly(fc.record({ tactic: named, variant: text, content: anyObject })),
  ),
  candidates: mostly(
    fc.array(
      mostly(
        fc.record({
          tactic: mostly(fc.constantFrom('cart_reminder', 'clearance_welcome', 'category_picks')),
          variant: text,
          outcome: mostly(fc.constantFrom('chosen', 'holdout', 'no_consent', 'outranked')),
          reason: text,
          score: mostly(anyNumber),
        }),
        100,
      ),
      { maxLength: 4 },
    ) as fc.Arbitrary<Json>,
  ),
  propensity: mostly(anyNumber),
  holdout: mostly(fc.boolean()),
  rung: text,
  versions: mostly(fc.record({ playbook: text, profile: whole }) as fc.Arbitrary<Json>),
  features: anyJson,
  journey: mostly(fc.constantFrom('cart_abandoned', 'none')),
});

const delivery = recordOf({
  messageId: text,
  profileId: person,
  channel: text,
  outcome: mostly(fc.constantFrom('sent', 'failed')),
  detail: text,
  attempts: whole,
  at: instant,
});

const rejection = recordOf({
  messageId: text,
  stage: text,
  code: text,
  detail: text,
  source: text,
  rejectedAt: instant,
  original: text,
  position: mostly(fc.record({ topic: text, partition: whole, offset: whole }) as fc.Arbitrary<Json>),
});

/** What each topic's records say, and the field that is their key. */
export const topicRecords: Readonly<
  Record<string, { readonly value: fc.Arbitrary<Json>; readonly key: string }>
> = {
  [topics.accepted.name]: { value: accepted, key: 'origin' },
  [topics.rejected.name]: { value: rejection, key: 'messageId' },
  [topics.identified.name]: { value: identified, key: 'profileId' },
  [topics.identityChanged.name]: { value: identityChange, key: 'profileId' },
  [topics.profilesChanged.name]: { value: profileChange, key: 'profileId' },
  [topics.messagesRequested.name]: { value: requested, key: 'profileId' },
  [topics.deliveriesRecorded.name]: { value: delivery, key: 'profileId' },
  [topics.decisionsMade.name]: { value: decision, key: 'profileId' },
  [topics.inferencesLogged.name]: { value: anyJson, key: 'profileId' },
};
