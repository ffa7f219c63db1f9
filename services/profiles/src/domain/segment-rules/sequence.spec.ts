import { expect, it } from '@jest/globals';
import { epochMs } from '../../fixtures/events.js';
import { after, follow } from '../../fixtures/rule-follower.js';

const viewThenBuy = { sequence: { steps: [{ event: 'View' }, { event: 'Buy' }], within: '100ms' } };
const view = (ms: number) => after(ms, { event: 'View' });
const buy = (ms: number) => after(ms, { event: 'Buy' });

it('holds once the steps came in their order, until the first of them falls out of the window', () => {
  expect(follow(viewThenBuy, [view(0), buy(30)])).toEqual(['+30', '-100']);
  expect(follow(viewThenBuy, [buy(0), view(30)])).toEqual([]);
  expect(follow(viewThenBuy, [view(0), buy(100)])).toEqual([]);
});

it('takes the latest events that will do', () => {
  expect(follow(viewThenBuy, [view(0), view(20), buy(30), view(40)])).toEqual(['+30', '-120']);
});

it('wants each step strictly later than the one before', () => {
  expect(follow(viewThenBuy, [view(5), buy(5)])).toEqual([]);
});

it('sees an order that only a late event makes', () => {
  expect(
    follow(viewThenBuy, [buy(30), { event: 'View', atMs: epochMs + 10, receivedMs: epochMs + 50 }]),
  ).toEqual(['+50', '-110']);
});
