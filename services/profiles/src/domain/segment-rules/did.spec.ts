import { describe, expect, it } from '@jest/globals';
import { epochMs } from '../../fixtures/events.js';
import { after, follow } from '../../fixtures/rule-follower.js';
import { eventsLookedAt } from './did.js';

describe('did', () => {
  const threeIn100 = { did: { event: 'E', atLeast: 3, within: '100ms' } };

  it('holds from the third event until the first of them falls out, to the millisecond', () => {
    expect(follow(threeIn100, [after(0), after(10), after(99)])).toEqual(['+99', '-100']);
    expect(follow(threeIn100, [after(0), after(10), after(100)])).toEqual([]);
  });

  it('goes on holding while newer events take the place of older ones', () => {
    expect(follow(threeIn100, [after(0), after(10), after(20), after(90), after(95)])).toEqual([
      '+20',
      '-120',
    ]);
  });

  it('counts a late event from its own time, and enters when it comes in', () => {
    const late = { atMs: epochMs + 5, receivedMs: epochMs + 50 };
    expect(follow(threeIn100, [after(0), after(10), late])).toEqual(['+50', '-100']);
  });

  it('holds for ever without a window', () => {
    expect(follow({ did: { event: 'E', atLeast: 2 } }, [after(0), after(7)])).toEqual(['+7']);
  });

  it('with `per`, wants the events to share a value', () => {
    const rule = { did: { event: 'E', atLeast: 2, within: '100ms', per: 'product' } };
    const view = (ms: number, product: string) => after(ms, { properties: { product } });
    expect(follow(rule, [view(0, 'a'), view(10, 'b'), view(20, 'c')])).toEqual([]);
    expect(follow(rule, [view(0, 'a'), view(10, 'b'), view(20, 'b'), view(30, 'a')])).toEqual([
      '+20',
      '-110',
    ]);
  });

  it('with `per`, looks at the newest events only, as many as 50 values need and never more than 300', () => {
    expect([1, 3, 100].map(eventsLookedAt)).toEqual([50, 150, 300]);
    const rule = { did: { event: 'E', atLeast: 2, per: 'product' } };
    const view = (ms: number, product: string) => after(ms, { properties: { product } });
    const others = Array.from({ length: 100 }, (_, index) => view(index + 1, `other${index}`));
    expect(follow(rule, [view(0, 'a'), ...others, view(200, 'a')])).toEqual([]);
    expect(follow(rule, [view(0, 'a'), ...others.slice(0, 98), view(200, 'a')])).toEqual(['+200']);
  });
});
