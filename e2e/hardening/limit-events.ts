import fc from 'fast-check';

/** Characters of every width, in UTF-8 and in UTF-16, and those that are written with more of them somewhere. */
const taken = ['a', 'Z', '"', '\\', ':', 'é', 'ß', 'İ', 'Ω', '漢', '\u2028', '\ufffd', '\u0301', '😀', '𐐷'];
/** No key can hold these. */
const refused = ['\u0000', '\u001f', '\u007f', '\ud83d'];
const character = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...taken) },
  { weight: 1, arbitrary: fc.constantFrom(...refused) },
);

/** A text of one character, or of two in turn, whose weight lies around a limit, in bytes or in UTF-16 units. */
export const textAround = (...limits: readonly number[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      character,
      fc.oneof(fc.constant(''), character),
      fc.constantFrom(...limits),
      fc.constantFrom('bytes', 'units'),
      fc.integer({ min: -3, max: 3 }),
    )
    .map(([one, other, limit, unit, off]) => {
      const pair = one + other;
      const weight = unit === 'bytes' ? Buffer.byteLength(pair) : pair.length;
      return pair.repeat(Math.max(1, Math.floor(limit / weight) + off));
    });

const shortText = fc.string({ unit: 'grapheme', maxLength: 12 });
const idText = fc.oneof(
  { weight: 3, arbitrary: shortText },
  { weight: 6, arbitrary: textAround(64, 100, 120, 249, 256, 467) },
  { weight: 1, arbitrary: textAround(480, 487, 492, 500, 1000) },
);
const messageId = fc.oneof(fc.uuid(), textAround(64, 100));

/** Every range of numbers that JSON can write, past the ends too. */
export const numbers = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      0,
      -0,
      5e-324,
      1e-7,
      0.1,
      4e9,
      2 ** 53,
      -(2 ** 53) - 2,
      1e15,
      1.7e18,
      9.99e20,
      -9.99e20,
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(1e21, -1e21, 1e22, 1e39, 1e302, 1e303, -1e303, Number.MAX_VALUE) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 6, arbitrary: fc.integer() },
);
export const nested = fc
  .oneof(fc.integer({ min: 1, max: 31 }), fc.integer({ min: 1, max: 34 }))
  .map((levels) => {
    let value: object = { end: 1 };
    for (let level = 1; level < levels; level++) value = level % 2 === 0 ? { in: value } : [value];
    return value;
  });
const values: fc.Arbitrary<unknown> = fc.oneof(
  numbers,
  textAround(64, 128, 512, 2048),
  nested,
  fc.constantFrom(null, true, false, '', [], {}),
);
const name = fc.oneof(shortText, textAround(64, 128));
const content = fc.dictionary(name, values, { maxKeys: 5 });

/** How far a client's clock may seem to be off, and further. */
const instants = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom('2000-01-01', '1999-12-31T23:59:59.999Z', '9999-12-31', 'yesterday'),
  },
  {
    weight: 9,
    arbitrary: fc
      .date({ min: new Date('2024-01-01'), max: new Date('2026-11-29'), noInvalidDate: true })
      .map((at) => at.toISOString()),
  },
);

const products = fc.array(
  fc.record(
    { product_id: fc.oneof(idText, numbers), category: idText, price: numbers, quantity: numbers },
    { requiredKeys: [] },
  ),
  { maxLength: 4 },
);
const shop = fc.record({ revenue: numbers, total: numbers, products }, { requiredKeys: [] });
const eventName = fc.oneof(
  fc.constantFrom('Order Completed', 'Product Viewed', 'Product Added', 'Consent Granted', 'Unsubscribed'),
  textAround(64, 200, 500),
  fc.constant('__proto__'),
);
const context = fc.record(
  {
    timezone: fc.oneof(fc.constantFrom('Europe/Berlin', 'Nowhere/At-all'), textAround(64)),
    consent: fc.record({ categoryPreferences: fc.dictionary(name, fc.boolean(), { maxKeys: 3 }) }),
    externalIds: fc.array(
      fc.record({ id: idText, type: fc.constantFrom('phone', 'email', 'device.x', 'a'.repeat(32)) }),
      { maxLength: 3 },
    ),
    traits: fc.record({ email: idText.map((text) => `${text}@example.com`) }),
    more: values,
  },
  { requiredKeys: [] },
);

/** Events of the Segment spec whose every field reaches its limits, on both sides. */
export const limitEvents: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(
    fc.constantFrom('track', 'identify', 'page', 'screen', 'group', 'alias'),
    fc.record(
      {
        userId: fc.oneof({ weight: 6, arbitrary: idText }, { weight: 1, arbitrary: numbers }),
        anonymousId: idText,
        messageId,
        timestamp: instants,
        context,
      },
      { requiredKeys: [] },
    ),
    fc.record({
      event: eventName,
      name,
      category: name,
      groupId: idText,
      previousId: idText,
      properties: fc.oneof(content, shop),
      traits: fc.oneof(content, fc.record({ email: idText.map((text) => `${text}@x`), consent: content })),
    }),
  )
  .map(([type, who, what]) => ({ type, ...who, ...what }));
