import { expect, it } from '@jest/globals';
import { epochMs } from '../../fixtures/events.js';
import { after, follow } from '../../fixtures/rule-follower.js';

const isNew = { seen: { firstWithin: '100ms' } };

it('holds from the first event, for as long as said', () => {
  expect(follow(isNew, [after(0), after(50)])).toEqual(['+0', '-100']);
});

it('ends at once when an older event shows that the person is not new', () => {
  const old = { atMs: epochMs - 90, receivedMs: epochMs + 20 };
  expect(follow(isNew, [after(0), old])).toEqual(['+0', '-20']);
});
