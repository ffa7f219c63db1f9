import { describe, expect, it } from '@jest/globals';
import type { Delivery, RequestedMessage } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import { messagesDiffer } from './compare-outcome.js';
import type { Load } from './load.js';
import type { Expected } from './oracle.js';

const at = '2026-03-02T12:00:00.000Z';
const profileId = 'p1' as ProfileId;
const load: Load = {
  seed: 1,
  events: 0,
  phases: [{ nowMs: Date.parse(at), batches: [], operations: [] }],
  endMs: Date.parse(at),
};
const expected: Expected = {
  people: [],
  mails: [{ phase: 0, identifiers: new Set(['email:ann@shop.test']), count: 1 }],
};
const message: RequestedMessage = {
  messageId: 'm1',
  profileId,
  channel: 'email',
  tactic: 'remind',
  variant: 'a',
  decisionId: 'd1',
  to: 'ann@shop.test',
  content: {},
  requestedAt: at,
};
const deliveryOf = (messageId: string): Delivery => ({
  messageId,
  profileId,
  channel: 'email',
  outcome: 'sent',
  detail: '',
  attempts: 1,
  at,
});

describe('messages and deliveries compared with the oracle', () => {
  it('are right when each message is delivered, records that come again included', () => {
    const deliveries = [deliveryOf('m1'), deliveryOf('m1')];
    expect(messagesDiffer(load, expected, [message, message], deliveries)).toEqual([]);
  });

  it('are wrong when a message is delivered that nobody requested', () => {
    expect(messagesDiffer(load, expected, [message], [deliveryOf('m1'), deliveryOf('m2')])).toEqual([
      'message m2: recorded as sent, and nobody requested it',
    ]);
  });

  it('are wrong when a message is not delivered', () => {
    expect(messagesDiffer(load, expected, [message], [])).toEqual([
      'message m1: expected to be recorded as sent, got nothing',
    ]);
  });
});
