import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import type { ProfileChange } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import {
  afterStep,
  applyMoment,
  firstDue,
  momentsOf,
  noJourneys,
  readJourneys,
  withInstance,
  type Moment,
  type PersonJourneys,
} from './journeys.js';
import { emptied, mergeJourneys } from './merged-journeys.js';

const plans = readJourneys([
  {
    name: 'cart',
    title: '',
    version: 2,
    start: { event: 'add' },
    exitOn: ['buy'],
    steps: [
      { name: 'one', wait: '10ms', send: 'a' },
      { name: 'two', wait: '5ms', send: 'b' },
    ],
    reentryAfter: '50ms',
  },
]);
const event = (atMs: number, name: string): Moment => ({
  kind: 'event',
  atMs,
  event: name,
  messageId: `${name}${atMs}`,
  eventMs: atMs,
  isHistory: false,
});
const ada = 'p_ada' as ProfileId;

/** Plays moments; whatever is due is sent at its instant. Answers the instants of what was sent. */
function play(moments: readonly Moment[], from = noJourneys(ada, 0)) {
  let state: PersonJourneys = from;
  const sent: number[] = [];
  const fire = (untilMs: number): void => {
    for (let one = firstDue(state.instances); one?.dueMs !== undefined && one.dueMs <= untilMs;) {
      const step = one.steps[one.step]?.name ?? '';
      sent.push(one.dueMs);
      state = withInstance(state, afterStep(one, { step, atMs: one.dueMs, outcome: 'sent', reason: '' }));
      one = firstDue(state.instances);
    }
  };
  for (const moment of moments) {
    fire(moment.atMs);
    state = applyMoment(state, moment, plans);
  }
  return { state, sent, fire };
}

describe('what happened in a change', () => {
  it('has the segments that an event led to before what the event starts, at one instant', () => {
    const at = '2026-03-02T12:00:00.000Z';
    const change: ProfileChange = {
      profileId: ada,
      version: 1,
      asOf: at,
      transitions: [{ segment: 'buyers', kind: 'entered', at }],
      events: [{ type: 'track', event: 'buy', messageId: 'm', timestamp: at, receivedAt: at }],
      view: {
        profileId: ada,
        identifiers: [],
        traits: {},
        computedTraits: {},
        segments: [{ name: 'buyers', since: at }],
        consent: {},
      },
    };
    expect(momentsOf(change, 0, 86_400_000).map(({ kind }) => kind)).toEqual(['entered', 'event']);
  });
});

describe('a journey', () => {
  it('goes through its steps, each at its own instant, and ends', () => {
    const { state, sent, fire } = play([event(0, 'add')]);
    expect(state).toMatchObject({
      dueMs: 10,
      instances: [{ id: 'cart:p_ada:add0', version: 2, state: 'waiting' }],
    });
    fire(9);
    expect(sent).toEqual([]);
    fire(100);
    expect(sent).toEqual([10, 15]);
  });

  it('lets the step go first when both fall on one instant', () => {
    expect(play([event(0, 'add'), event(10, 'buy')]).sent).toEqual([10]);
    expect(play([event(0, 'add'), event(9, 'buy')]).sent).toEqual([]);
  });

  it('is not ended by what happened before it began, whenever that came in', () => {
    const early: Moment = { ...event(5, 'buy'), eventMs: -1 } as Moment;
    expect(play([event(0, 'add'), early]).state.instances[0]?.state).toBe('waiting');
  });

  test('sends what a simple reading of the rules says, for any sequence', () => {
    const names = fc.constantFrom('add', 'buy', 'look');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), names), { maxLength: 30 }), (steps) => {
        let atMs = 0;
        const moments = steps.map(([gap, name]) => event((atMs += gap), name));
        const { fire, sent } = play(moments);
        fire(1_000_000);
        // One start at a time; nothing starts within 50 of a start, nor while one runs (10 + 5 < 50).
        const expected: number[] = [];
        let last = -Infinity;
        for (const start of moments) {
          if (start.kind !== 'event' || start.event !== 'add' || start.atMs < last + 50) continue;
          last = start.atMs;
          const bought = moments.find(
            (one) => one.kind === 'event' && one.event === 'buy' && one.atMs > start.atMs,
          );
          for (const dueMs of [last + 10, last + 15]) {
            if (bought === undefined || bought.atMs >= dueMs) expected.push(dueMs);
          }
        }
        expect(sent).toEqual(expected);
      }),
    );
  });
});

describe('merged people', () => {
  test('get at most what one of them would get within the time for re-entry; again changes nothing', () => {
    const starts = fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 4 });
    fc.assert(
      fc.property(starts, starts, fc.integer({ min: 120, max: 140 }), (mine, others, mergedAt) => {
        const run = (profileId: string, times: readonly number[]) => {
          const sorted = [...new Set(times)].sort((a, b) => a - b).map((atMs) => event(atMs, 'add'));
          const played = play(sorted, noJourneys(profileId as ProfileId, 0));
          return play([event(mergedAt, 'look')], played.state).state;
        };
        const from = run('p_bob', mine);
        const into = run('p_ada', others);
        const merged = mergeJourneys(from, into, plans);
        expect(mergeJourneys(from, merged, plans)).toEqual(merged);
        expect(emptied(from, ada)).toMatchObject({ instances: [], mergedInto: ada });
        expect(emptied(from, ada).dueMs).toBeUndefined();
        // What still waits stands beside nothing of its journey that it could double.
        for (const one of merged.instances.filter(({ state }) => state === 'waiting')) {
          const near = merged.instances.filter(
            (other) =>
              other !== one && Math.abs(other.startedMs - one.startedMs) < 50 && other.state !== 'cancelled',
          );
          expect(near).toEqual([]);
        }
      }),
    );
  });
});
