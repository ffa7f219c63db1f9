import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { correctedInstant, formatInstant, parseInstant } from './instants.js';

describe('instants', () => {
  it('reads and writes every millisecond of four centuries as Date does', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1800, 0, 1), max: Date.UTC(2200, 0, 1) }), (instantMs) => {
        const text = new Date(instantMs).toISOString();
        expect(parseInstant(text)).toBe(instantMs);
        expect(formatInstant(instantMs)).toBe(text);
        expect(formatInstant(instantMs + 1)).toBe(new Date(instantMs + 1).toISOString());
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['2026-11-22', Date.UTC(2026, 10, 22)],
    ['2026-11-22T10:00', Date.UTC(2026, 10, 22, 10)],
    ['2026-11-22T10:00:00', Date.UTC(2026, 10, 22, 10)],
    ['2026-11-22 10:00:00Z', Date.UTC(2026, 10, 22, 10)],
    ['2026-11-22T10:00:00.123456Z', Date.UTC(2026, 10, 22, 10, 0, 0, 123)],
    ['2026-11-22T10:00:00+01:00', Date.UTC(2026, 10, 22, 9)],
    ['2026-11-22T10:00:00.5-0530', Date.UTC(2026, 10, 22, 15, 30, 0, 500)],
    ['2024-02-29T23:59:59.999Z', Date.UTC(2024, 1, 29, 23, 59, 59, 999)],
  ])('reads %s', (text, instantMs) => {
    expect(parseInstant(text)).toBe(instantMs);
  });

  it.each([
    '',
    'yesterday',
    '22.11.2026',
    '1763800000000',
    '2026-13-01T00:00:00.000Z',
    '2025-02-29T00:00:00.000Z',
    '2026-11-22T24:00:00.000Z',
    '2026-11-22X10:00:00.000Z',
    '20x6-11-22T10:00:00.000Z',
    'Sun Nov 22 2026 10:00:00',
  ])('does not read %j', (text) => {
    expect(parseInstant(text)).toBeNaN();
  });

  it('corrects the clock by the vector of the Segment spec', () => {
    const at = (time: string): number => Date.parse(`2026-11-22T${time}Z`);
    expect(correctedInstant(at('10:00:00'), at('10:00:05'), at('12:00:06'))).toBe(at('12:00:01'));
  });

  it('takes the client’s instant without sentAt, and the server’s without an instant', () => {
    expect(correctedInstant(1000, NaN, 9000)).toBe(1000);
    expect(correctedInstant(NaN, 5000, 9000)).toBe(9000);
  });
});
