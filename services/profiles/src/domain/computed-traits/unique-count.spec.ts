import { expect, it } from '@jest/globals';
import { saying, traitAfter } from '../../fixtures/trait-reader.js';

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);
const distinct = (...origins: readonly (readonly number[])[]) =>
  traitAfter(
    { kind: 'unique_count', property: 'v' },
    origins.map((values) => saying(...values)),
  );

it('counts values once, over all origins, exactly up to 256', () => {
  expect(distinct(numbers(0, 200), numbers(100, 256))).toBe(256);
});

it('estimates beyond, within a few percent', () => {
  for (const size of [300, 1_000, 5_000, 20_000]) {
    const estimated = distinct(numbers(0, size)) as number;
    expect(Math.abs(estimated - size) / size).toBeLessThan(0.1);
  }
});

it('says the same however the values are spread and ordered', () => {
  const whole = distinct(numbers(0, 900));
  expect(distinct(numbers(0, 900).reverse())).toBe(whole);
  expect(distinct(numbers(0, 100), numbers(50, 900))).toBe(whole);
  expect(distinct(numbers(0, 600), numbers(300, 900), numbers(0, 900))).toBe(whole);
});
