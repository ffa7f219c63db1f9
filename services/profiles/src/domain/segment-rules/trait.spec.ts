import { expect, it } from '@jest/globals';
import type { JsonValue } from '@rapport/contracts';
import { epochMs } from '../../fixtures/events.js';
import { after, follow } from '../../fixtures/rule-follower.js';

const says = (ms: number, traits: Readonly<Record<string, JsonValue>>) =>
  after(ms, { type: 'identify', traits });

it('compares what was said last', () => {
  const gold = { trait: { path: 'plan', op: 'eq' as const, value: 'gold' } };
  expect(follow(gold, [says(0, { plan: 'gold' }), says(10, { plan: 'silver' })])).toEqual(['+0', '-10']);
});

it('is not moved by what was said before and comes later', () => {
  const gold = { trait: { path: 'traits.plan', op: 'eq' as const, value: 'gold' } };
  const late = {
    type: 'identify' as const,
    traits: { plan: 'silver' },
    atMs: epochMs - 5,
    receivedMs: epochMs + 10,
  };
  expect(follow(gold, [says(0, { plan: 'gold' }), late])).toEqual(['+0']);
});

it('looks into traits that are objects', () => {
  const rule = { trait: { path: 'address.city', op: 'in' as const, value: ['Ulm', 'Bonn'] } };
  expect(follow(rule, [says(0, { address: { city: 'Bonn' } })])).toEqual(['+0']);
});

it('takes null as taken back', () => {
  const named = { trait: { path: 'plan', op: 'exists' as const } };
  expect(follow(named, [says(0, { plan: 'gold' }), says(10, { plan: null })])).toEqual(['+0', '-10']);
});
