import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { prune, refusalOf, reserve, type Contender, type Reservation } from './caps.js';
import type { Cap } from './tactics.js';

const rolling = (max: number, windowMs: number, name = 't'): Cap => ({
  scope: 'tactic',
  name,
  max,
  windowMs,
  per: `${windowMs}ms`,
});
const daily = (max: number): Cap => ({
  scope: 'channel',
  name: 'email',
  max,
  windowMs: undefined,
  per: 'calendar_day',
});
const used = (atMs: number, tactic = 't', channel = 'email'): Reservation => ({
  id: `${atMs}`,
  tactic,
  channel,
  atMs,
});

describe('a place that is asked for anew', () => {
  test('stands at the newest instant asked for, or nowhere, and never makes a window too full', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.integer({ min: 0, max: 5 }), atMs: fc.integer({ min: 0, max: 60 }) }), {
          maxLength: 40,
        }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 20 }),
        (asked, max, windowMs) => {
          const contenders: Contender[] = [{ name: 't', channel: 'email', caps: [rolling(max, windowMs)] }];
          let reservations: readonly Reservation[] = [];
          for (const { id, atMs } of asked) {
            const others = reservations.filter((one) => one.id !== `d${id}`);
            const room = refusalOf(rolling(max, windowMs), others, atMs, 'UTC') === undefined;
            const result = reserve(reservations, {
              id: `d${id}`,
              atMs,
              timezone: 'UTC',
              contenders,
              openUntilMs: 0,
              anew: true,
            });
            ({ reservations } = result);
            expect(result.answer.granted).toBe(room ? 0 : -1);
            const held = reservations.filter((one) => one.id === `d${id}`).map((one) => one.atMs);
            expect(held).toEqual(room ? [atMs] : []);
            const fullest = reservations.map(
              ({ atMs: end }) =>
                reservations.filter((one) => one.atMs > end - windowMs && one.atMs <= end).length,
            );
            expect(Math.max(0, ...fullest)).toBeLessThanOrEqual(max);
          }
        },
      ),
    );
  });
});

describe('a rolling cap', () => {
  it('has room again exactly when the first use is as old as the window', () => {
    const cap = rolling(1, 100);
    expect(refusalOf(cap, [used(1000)], 1099, 'UTC')).toBe('tactic t: 1 of 1 per 100ms used');
    expect(refusalOf(cap, [used(1000)], 1100, 'UTC')).toBeUndefined();
  });

  test('no window of its length ever holds more than it allows, in whatever order decisions come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        (instants, max, windowMs) => {
          const cap = rolling(max, windowMs);
          let reservations: readonly Reservation[] = [];
          const granted: number[] = [];
          for (const [index, atMs] of instants.entries()) {
            // Brute force: would some window that contains this instant hold too many?
            const all = [...granted, atMs];
            let fits = true;
            for (let end = 0; end <= 80; end++) {
              if (all.filter((time) => time > end - windowMs && time <= end).length > max) fits = false;
            }
            const contenders: Contender[] = [{ name: 't', channel: 'email', caps: [cap] }];
            const result = reserve(reservations, {
              id: `d${index}`,
              atMs,
              timezone: 'UTC',
              contenders,
              openUntilMs: 0,
            });
            reservations = result.reservations;
            expect(result.answer.granted === 0).toBe(fits);
            if (result.answer.granted === 0) granted.push(atMs);
          }
        },
      ),
    );
  });
});

describe('a cap per calendar day', () => {
  it('counts days where the person lives, also across a change of the clocks', () => {
    // 25 October 2026, Berlin: the day has 25 hours.
    const noon = Date.parse('2026-10-25T11:00:00Z');
    const evening = Date.parse('2026-10-25T22:59:00Z');
    const midnight = Date.parse('2026-10-25T23:00:00Z');
    expect(refusalOf(daily(1), [used(noon)], evening, 'Europe/Berlin')).toBeDefined();
    expect(refusalOf(daily(1), [used(noon)], midnight, 'Europe/Berlin')).toBeUndefined();
    expect(refusalOf(daily(1), [used(noon)], midnight, 'UTC')).toBeDefined();
  });

  it('takes a zone that does not exist for UTC', () => {
    expect(refusalOf(daily(1), [used(0)], 1, 'Mars/Olympus')).toBeDefined();
  });
});

describe('reserving', () => {
  const contender = (name: string, ...caps: Cap[]): Contender => ({ name, channel: 'email', caps });
  const ask = (id: string, contenders: readonly Contender[], atMs = 10) => ({
    id,
    atMs,
    timezone: 'UTC',
    contenders,
    openUntilMs: 0,
  });

  it('goes on to the next when a cap is full, and says which one', () => {
    const { answer } = reserve(
      [used(1, 'a')],
      ask('d', [contender('a', rolling(1, 100, 'a')), contender('b')]),
    );
    expect(answer).toEqual({ granted: 1, refusals: ['tactic a: 1 of 1 per 100ms used'] });
  });

  it('gives the same decision the same place, without counting twice', () => {
    const contenders = [contender('a', rolling(1, 100, 'a'))];
    const first = reserve([], ask('d', contenders));
    const again = reserve(first.reservations, ask('d', contenders));
    expect(again.answer.granted).toBe(0);
    expect(again.reservations).toHaveLength(1);
    expect(reserve(first.reservations, ask('other', contenders)).answer.granted).toBe(-1);
  });

  it('forgets what no cap looks back to', () => {
    expect(prune([used(1), used(900), used(901)], 1000, 100).map(({ atMs }) => atMs)).toEqual([901]);
  });
});
