import fc from 'fast-check';

/**
 * Characters of every width in UTF-8 and what stores, logs, headers and pages have trouble with. One of them repeated
 * reaches a limit in characters, another the same limit in bytes.
 */
export const units = [
  ...['a', 'é', '漢', '😀', 'e\u0301', 'İ', 'ß', 'ﬃ'],
  ...['\ud83d', '\udc00', '\u0007', '\u001f', '\u007f', '\u0085', '\u00a0', '\ufeff', '\ufffd', '\uffff'],
  ...[
    '\u202e',
    '\u2028',
    '\u200d',
    '"',
    "'",
    '\\',
    '.',
    '$',
    '/',
    '%',
    ':',
    ' ',
    '\n',
    '\r\n',
    '<',
    '{{',
    ',',
  ],
] as const;

/** Those that the front door takes in an id. */
const plainUnits = [
  'a',
  'é',
  '漢',
  '😀',
  'e\u0301',
  'İ',
  'ﬃ',
  '.',
  '$',
  '/',
  '%',
  ':',
  '"',
  '\u202e',
  '\ufffd',
] as const;

/** The platform's limits of texts, in characters or bytes, each divided by what a character of each width takes. */
const limits = [1, 32, 64, 80, 100, 256, 490, 500, 511, 512, 1000, 1024];
export const lengths = [
  ...new Set(
    limits.flatMap((limit) =>
      [1, 2, 3, 4].flatMap((width) => {
        const at = Math.floor(limit / width);
        return [at - 1, at, at + 1];
      }),
    ),
  ),
].filter((length) => length >= 0);

const repeated = (chosen: readonly string[], most: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...chosen), fc.constantFrom(...lengths.filter((length) => length <= most)), mark)
    .map(([unit, length, end]) => unit.repeat(length) + end);

/** Makes one long text differ from the next, so that each is a person of its own. */
const mark = fc.oneof(fc.constant(''), fc.integer({ min: 0, max: 99 }).map(String));

const names = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '$where',
    '_id',
    'length',
    'then',
  ],
  ...['null', 'undefined', 'NaN', '0', '-1', 'anonymous', 'guest', '[object Object]', 'true', ''],
  ...[
    'user_id:x',
    ':',
    'a:b:c',
    '../../etc/passwd',
    "' OR 1=1",
    '{{ profile }}',
    '{% for %}',
    '<script>',
    'x\r\ny: z',
  ],
];

/** Any text at all, mostly short. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 80, arbitrary: fc.string({ maxLength: 12 }) },
  // Refused wherever it stands, and with it the whole event: rare, so that the rest gets through.
  { weight: 1, arbitrary: fc.constant('a\u0000b') },
  { weight: 40, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  { weight: 40, arbitrary: fc.string({ unit: fc.constantFrom(...units), maxLength: 20 }) },
  { weight: 40, arbitrary: fc.constantFrom(...names) },
  { weight: 40, arbitrary: repeated(units, 1_100) },
);

/** Texts that an id may be, at every length and width that the door lets in, and just beyond. */
export const idText: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 15 }).map((n) => `u${n}`) },
  { weight: 4, arbitrary: repeated(plainUnits, 300) },
  {
    weight: 2,
    arbitrary: fc.string({ unit: fc.constantFrom(...plainUnits, 'b', '7'), minLength: 1, maxLength: 300 }),
  },
  { weight: 1, arbitrary: anyText },
);

const domains = [
  'example.com',
  'b.c',
  'x',
  'münchen.example',
  '[127.0.0.1]',
  'example.com,z@example.com',
  'a..b',
  '-.-',
];

export const emailText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => `m${n}@example.com`) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(repeated(plainUnits, 260), fc.constantFrom(...domains))
      .map(([local, domain]) => `${local}@${domain}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...[
        '@',
        'a@',
        '@b',
        'a@b@c',
        'A@EXAMPLE.com ',
        'a@x.com, b@y.com',
        '"a b"@example.com',
        'a@x\r\nBcc: y@z.de',
      ],
    ),
  },
  { weight: 1, arbitrary: anyText },
);
