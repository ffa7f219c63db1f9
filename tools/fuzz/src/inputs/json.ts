import fc from 'fast-check';
import { anyText } from './texts.js';

/** JSON that is written out as text: numbers that JavaScript cannot hold are `Literal`s. */
export type Json =
  string | number | boolean | null | Literal | readonly Json[] | { readonly [key: string]: Json };

/** A number as it is written, when no number of JavaScript is written so. */
export class Literal {
  constructor(readonly text: string) {}
}

/** As JSON.stringify, with literals as they are written. */
export function writeJson(value: unknown): string {
  if (value instanceof Literal) return value.text;
  if (Array.isArray(value))
    return `[${value.map((one) => (one === undefined ? 'null' : writeJson(one))).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{${fields.map(([key, one]) => `${JSON.stringify(key)}:${writeJson(one)}`).join(',')}}`;
  }
  if (typeof value === 'number' && Object.is(value, -0)) return '-0';
  return JSON.stringify(value) ?? 'null';
}

const numbersAtLimits = [
  ...[0, -0, 1, -1, 0.1, 0.005, 1.005, 19.99, 1e-7, 5e-324, 1e-300, 2 ** 31, 2 ** 32, -(2 ** 31) - 1],
  ...[
    2 ** 53 - 1,
    2 ** 53,
    2 ** 53 + 2,
    -(2 ** 53),
    2 ** 63,
    1e15,
    1e16,
    1e18,
    1e20,
    1e21,
    1e22,
    1e30,
    1e100,
  ],
  ...[1e300, 1e303, 1e305, 1e307, 1e308, Number.MAX_VALUE, -Number.MAX_VALUE, -1e303, 123456789.123456789],
];

export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...numbersAtLimits) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 2, arbitrary: fc.integer({ min: -10, max: 10_000 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -320, max: 308 }), fc.boolean())
      .map(([digit, power, negative]) => Number(`${negative ? '-' : ''}${digit}e${power}`)),
  },
);

export const numberLiteral: fc.Arbitrary<Literal> = fc
  .constantFrom('1e400', '-1e400', '1E+308', '0.1e1', `1${'0'.repeat(400)}`, `0.${'1'.repeat(300)}`, '1e-400')
  .map((text) => new Literal(text));

const leaf: fc.Arbitrary<Json> = fc.oneof(anyText, anyNumber, fc.boolean(), fc.constant(null), numberLiteral);

const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'price', 'id', 'name') },
  { weight: 2, arbitrary: anyText },
);

/** Objects or arrays in each other, around the depth that the door takes. */
const deep: fc.Arbitrary<Json> = fc
  .tuple(fc.integer({ min: 15, max: 31 }), fc.boolean(), leaf)
  .map(([levels, ofArrays, end]) => nested(levels, ofArrays, end));

export function nested(levels: number, ofArrays: boolean, end: Json): Json {
  let value = end;
  for (let level = 0; level < levels; level++) value = ofArrays ? [value] : { a: value };
  return value;
}

/** So many of one, but no more than a few megabytes of them: what is larger tests the fuzzer. */
export function manyOf<T>(one: T, count: number): T[] {
  let bytes = 1_000;
  try {
    bytes = JSON.stringify(one).length;
  } catch {
    // nested too deeply: large enough
  }
  return Array.from({ length: Math.min(count, Math.ceil(mostBytes / bytes)) }, () => one);
}

const mostBytes = 1_500_000;

/** Many elements or fields. */
const wide: fc.Arbitrary<Json> = fc
  .tuple(fc.constantFrom(19, 20, 21, 100, 101, 500), leaf, fc.boolean())
  .map(([count, value, ofFields]) =>
    ofFields
      ? Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, value]))
      : Array.from({ length: count }, () => value),
  );

/** Any JSON: mostly small, sometimes deep, wide or long. */
export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json; array: Json; object: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 24, arbitrary: leaf },
    { weight: 6, arbitrary: tie('array') },
    { weight: 6, arbitrary: tie('object') },
    { weight: 1, arbitrary: deep },
    { weight: 1, arbitrary: wide },
  ),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((fields) => Object.fromEntries(fields)),
})).value;

/** An object of any JSON. */
export const anyObject: fc.Arbitrary<Json> = fc
  .array(fc.tuple(key, anyJson), { maxLength: 5 })
  .map((fields) => Object.fromEntries(fields));

/** The value that belongs there, or now and then anything else: an event has many fields, and most events should get past the door. */
export const mostly = <T>(right: fc.Arbitrary<T>, weight = 60): fc.Arbitrary<T | Json> =>
  fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: anyJson });
