import fc from 'fast-check';
import { anyJson, anyNumber, anyObject, mostly, numberLiteral, nested, type Json } from './json.js';
import { anyText, emailText, idText } from './texts.js';

const hourMs = 3_600_000;
const now = Date.now();

/** Instants at and around what the door takes, in every way of writing them. */
export const instantText: fc.Arbitrary<Json> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.integer({ min: 0, max: 30 * 24 * 3600 }).map((s) => new Date(now - s * 1000).toISOString()),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(Date.UTC(2000, 0, 1), now + 24 * hourMs, now + 23.9 * hourMs, 0, Date.UTC(2038, 0, 19))
      .chain((at) => fc.constantFrom(-1, 0, 1).map((more) => new Date(at + more).toISOString())),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Json>(
      ...[
        '2026-11-22',
        '2026-11-22T10:00Z',
        '2026-11-22 10:00:00+0530',
        '2024-02-29T23:59:59.999Z',
        '2024-02-30',
      ],
      ...[
        '2023-02-29T00:00:00.000Z',
        '2016-12-31T23:59:60.000Z',
        '0000-01-01T00:00:00.000Z',
        '9999-12-31T23:59:59Z',
      ],
      ...[
        '+275760-09-13T00:00:00.000Z',
        '2026-11-22T10:00:00.123456789Z',
        '2026-13-01',
        'yesterday',
        '',
        1,
        -1,
        1e308,
      ],
      ...[
        '2026-11-22T24:00:00Z',
        '2026-11-22T10:00:00+99:99',
        '2000-01-01T00:00:00-23:59',
        '2000-01-01T00:00:00+14:00',
      ],
    ),
  },
);

const timezone = fc.constantFrom<Json>(
  ...[
    'Europe/Berlin',
    'UTC',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'Etc/GMT+12',
    'Mars/Base',
    '',
    'europe/berlin',
  ],
  ...['+05:30', '../../etc', 'America/Argentina/ComodRivadavia', 7, 'UTC\u0000'],
);

const price = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 99_999 }).map((c) => c / 100) },
  anyNumber,
);
const productId = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }).map((n) => `p${n}`) },
  anyText,
  anyNumber,
);
const product = fc.record(
  {
    product_id: mostly(productId),
    name: mostly(anyText),
    category: mostly(fc.oneof(fc.constantFrom('shoes', 'clearance', 'hats'), anyText)),
    price: mostly(price, 150),
    quantity: mostly(anyNumber, 150),
    sku: mostly(anyText, 150),
    url: mostly(anyText, 150),
  },
  { requiredKeys: [] },
);
const products = mostly(
  fc.oneof(
    { weight: 6, arbitrary: fc.array(product, { maxLength: 4 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(product, fc.constantFrom(50, 101, 300))
        .map(([one, n]) => Array.from({ length: n }, () => one)),
    },
  ),
  150,
);

/** What the sample playbook sums, counts, averages, lists and measures its goals by. */
const orderProperties = fc.record(
  {
    order_id: mostly(fc.oneof(anyText, anyNumber)),
    revenue: fc.oneof(
      { weight: 3, arbitrary: price },
      { weight: 6, arbitrary: anyNumber },
      { weight: 1, arbitrary: numberLiteral },
    ),
    total: mostly(fc.oneof(price, anyNumber), 100),
    currency: mostly(fc.oneof(fc.constantFrom('EUR', 'eur', 'XXX', '', '€'), anyText), 100),
    discount: mostly(anyNumber, 100),
    coupon: mostly(anyText, 100),
    products,
    anything: anyJson,
  },
  { requiredKeys: ['revenue'] },
);

const consent = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      categoryPreferences: mostly(
        fc.dictionary(
          fc.oneof(fc.constantFrom('marketing', 'analytics'), anyText),
          fc.oneof(fc.boolean(), anyJson),
          {
            maxKeys: 4,
          },
        ),
      ),
    }),
  },
  anyJson,
);

const externalId = fc.record(
  {
    id: mostly(idText),
    type: mostly(fc.constantFrom('crm_id', 'ios.idfa', 'email', 'user_id', 'anonymous_id')),
    collection: fc.constantFrom<Json>('users', 'accounts', 1),
    encoding: fc.constantFrom<Json>('none', 'sha256'),
  },
  { requiredKeys: ['id', 'type'] },
);

const traits = fc.record(
  {
    email: mostly(fc.oneof({ weight: 5, arbitrary: emailText }, fc.constant<Json>(null))),
    firstName: mostly(anyText, 100),
    plan: mostly(fc.oneof(anyText, anyNumber), 100),
    address: anyObject,
    anything: anyJson,
    [`k${'é'.repeat(300)}`]: anyJson,
    '': anyJson,
    'a.b': anyJson,
    $set: anyJson,
    constructor: anyJson,
  },
  { requiredKeys: [] },
);

const context = fc.record(
  {
    traits: mostly(traits),
    timezone: mostly(timezone, 150),
    consent,
    externalIds: mostly(
      fc.oneof(
        { weight: 30, arbitrary: fc.array(externalId, { maxLength: 3 }) },
        {
          weight: 1,
          arbitrary: fc
            .tuple(idText, fc.constantFrom(18, 19, 20, 21))
            .map(([id, n]) =>
              Array.from({ length: n }, (_, at) => ({ id: `${id.slice(0, 200)}${at}`, type: `t${at}` })),
            ),
        },
      ),
      100,
    ),
    page: mostly(
      fc.record({ path: mostly(fc.oneof(fc.constantFrom('/clearance/x', '/'), anyText)), url: anyText }),
      100,
    ),
    ip: mostly(anyText, 100),
    anything: anyJson,
  },
  { requiredKeys: [] },
);

const eventName = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...[
        'Order Completed',
        'Order Completed',
        'Product Viewed',
        'Product Added',
        'Product List Viewed',
        'Coupon Applied',
      ],
      ...[
        'Order Refunded',
        'Completed Order',
        'Consent Updated',
        'Unsubscribed',
        'Email Bounced',
        'Experiment Viewed',
      ],
    ),
  },
  { weight: 1, arbitrary: anyText },
);

const properties = fc.oneof(
  { weight: 5, arbitrary: orderProperties },
  { weight: 4, arbitrary: product },
  {
    weight: 2,
    arbitrary: fc.record({
      purpose: mostly(fc.constantFrom('marketing', 'x')),
      granted: mostly(fc.boolean()),
    }),
  },
  { weight: 1, arbitrary: anyObject },
  // The depth that the door takes is counted from the properties themselves.
  {
    weight: 1,
    arbitrary: fc.integer({ min: 29, max: 34 }).map((levels) => ({ a: nested(levels, false, 1) })),
  },
  // Events around the 32 KiB that the door takes.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'é', '漢', '\u0001'), fc.integer({ min: 32_000, max: 33_000 }))
      .map(([unit, bytes]) => ({
        note: unit.repeat(bytes / Buffer.byteLength(JSON.stringify(unit).slice(1, -1))),
      })),
  },
);

/** In order but for an amount: what is summed, averaged and measured by reaches every size. */
const purchase: fc.Arbitrary<Readonly<Record<string, Json>>> = fc
  .tuple(
    fc.integer({ min: 0, max: 15 }),
    fc.constantFrom(
      'Order Completed',
      'Order Completed',
      'Product Added',
      'Product Viewed',
      'Order Refunded',
    ),
    anyNumber,
  )
  .map(([n, name, amount]) => ({
    type: 'track',
    userId: `u${n}`,
    event: name,
    properties: {
      revenue: amount,
      total: amount,
      price: amount,
      product_id: `p${n}`,
      products: [{ product_id: 'p1', quantity: amount, price: amount }],
    },
  }));

/** Every field at its limits, and now and then of a wrong kind. */
const anyEvent: fc.Arbitrary<Readonly<Record<string, Json>>> = fc.record(
  {
    type: mostly(
      fc.constantFrom('track', 'track', 'track', 'identify', 'page', 'screen', 'group', 'alias'),
      150,
    ),
    messageId: mostly(
      fc.oneof(
        anyText,
        fc.integer({ min: 0, max: 20 }).map((n) => `again-${n}`),
      ),
    ),
    userId: mostly(fc.oneof({ weight: 5, arbitrary: idText }, anyNumber), 100),
    anonymousId: mostly(idText, 100),
    previousId: mostly(idText, 100),
    groupId: mostly(idText, 100),
    event: mostly(eventName, 150),
    name: mostly(anyText, 100),
    category: mostly(anyText, 100),
    properties: mostly(properties, 100),
    traits: mostly(traits, 100),
    context: mostly(context, 100),
    timestamp: mostly(instantText, 150),
    sentAt: fc.oneof({ weight: 5, arbitrary: fc.constant(new Date(now).toISOString()) }, instantText),
    integrations: anyJson,
    [`x${'y'.repeat(100)}`]: anyJson,
  } as Record<string, fc.Arbitrary<Json>>,
  { requiredKeys: ['type'] },
);

/** A Segment call as honest, careless and hostile clients send it. */
export const event: fc.Arbitrary<Readonly<Record<string, Json>>> = fc.oneof(
  { weight: 5, arbitrary: anyEvent },
  { weight: 1, arbitrary: purchase },
);
