import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { epochMs, origin, profileEvent } from '../fixtures/events.js';
import { playbookOf } from '../fixtures/playbooks.js';
import { compileDefinitions } from './compile-definitions.js';
import { emptyOrigin, foldEvent, mayHaveSince, type OriginState } from './origin-state.js';

const definitions = compileDefinitions(playbookOf([], []));
type Done = readonly [event: string, afterMs: number];

function stateAfter(events: readonly Done[]): OriginState {
  const state = emptyOrigin(origin('ada'), definitions);
  for (const [event, afterMs] of events)
    foldEvent(definitions, state, profileEvent({ event, atMs: epochMs + afterMs }));
  return state;
}

const names = fc.constantFrom('Order Completed', 'Product Viewed', '__proto__', 'constructor', 'a', 'b');
const done = fc.tuple(names, fc.integer({ min: 0, max: 50 }));

describe('when an origin did each event last', () => {
  it('never denies what was done, and denies what was not while there are few names', () => {
    fc.assert(
      fc.property(
        fc.array(done, { maxLength: 30 }),
        names,
        fc.integer({ min: 0, max: 55 }),
        (events, asked, since) => {
          const was = events.some(([event, afterMs]) => event === asked && afterMs >= since);
          const may = mayHaveSince(stateAfter(events), asked, epochMs + since);
          const isKept = events.every(([event]) => event !== '__proto__');
          expect(may).toBe(isKept ? was : true);
        },
      ),
    );
  });

  it('does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(done, { maxLength: 30 }), (events) => {
        expect(stateAfter([...events].reverse()).newest).toEqual(stateAfter(events).newest);
      }),
    );
  });

  it('says that anything may be when there are too many names, or when it was not kept', () => {
    const many = Array.from({ length: 65 }, (_, number): Done => [`E${number}`, number]);
    expect(mayHaveSince(stateAfter(many.slice(0, 64)), 'Other', epochMs)).toBe(false);
    expect(mayHaveSince(stateAfter(many), 'Other', epochMs)).toBe(true);
    const { newest: _, ...former } = stateAfter([]);
    expect(mayHaveSince(former, 'Other', epochMs)).toBe(true);
  });
});
