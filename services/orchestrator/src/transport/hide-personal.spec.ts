import { describe, expect, it } from '@jest/globals';
import type { Asked } from '@rapport/service-host';
import type { DeliveryState } from '../ports/delivery-store.js';
import { toProto } from './journeys.grpc.js';
import { standingOf } from './messages.grpc.js';

const refused: DeliveryState = {
  messageId: 'm_1',
  profileId: 'p_ada',
  channel: 'email',
  partition: 0,
  tactic: 'reminder',
  destination: 'example.com',
  state: 'failed',
  reason: 'refused',
  attempts: 1,
  detail: '550 5.1.1 <ada@example.com>: Recipient address rejected',
  askedMs: 0,
  sinceMs: 0,
  atMs: 0,
  replays: 0,
};
const caller = (seesPersonal: boolean): Asked =>
  ({ caller: { can: (action: string) => seesPersonal || action !== 'people.read.personal' } }) as never;

describe('how a message stands', () => {
  it('names the address that a mail server refused only to whom may see personal values', () => {
    expect(standingOf(refused, caller(true)).detail).toBe(refused.detail);
    expect(standingOf(refused, caller(false)).detail).toBe('550 5.1.1 <***>: Recipient address rejected');
    expect(standingOf(refused, {}).detail).not.toContain('ada@');
  });
});

describe('a journey whose message was refused', () => {
  it('names the address only to whom may see personal values', () => {
    const reason = `the message: ${refused.detail}`;
    const step = { step: 'remind', outcome: 'failed' as const, reason, atMs: 0 };
    const instance = { id: 'i', steps: [], step: 0, state: 'failed', startedMs: 0, reason, history: [step] };
    const shownTo = (asked: Asked) => JSON.stringify(toProto(refused as never, instance as never, asked));
    expect(shownTo(caller(true)).split('ada@example.com')).toHaveLength(3);
    expect(shownTo(caller(false))).not.toContain('ada@example.com');
  });
});
