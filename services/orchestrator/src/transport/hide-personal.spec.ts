import { describe, expect, it } from '@jest/globals';
import type { Caller } from '@rapport/service-host';
import type { Instance } from '../domain/journeys.js';
import type { DeliveryState } from '../ports/delivery-store.js';
import type { StoredJourneys } from '../ports/journey-store.js';
import { JourneysGrpc } from './journeys.grpc.js';
import { standingOf } from './messages.grpc.js';

const caller = (seesPersonal: boolean): { caller: Caller } => ({
  caller: { name: 'test', internal: false, can: () => seesPersonal },
});
const refused = '550 <ada@shop.example>: Recipient address rejected';
const hidden = '550 <***>: Recipient address rejected';

describe('what a receiver or an operator wrote', () => {
  it('shows no address in the list of messages to who may not see it', () => {
    const state = { messageId: 'm', detail: refused, atMs: 0 } as DeliveryState;
    expect(standingOf(state, caller(true)).detail).toBe(refused);
    expect(standingOf(state, caller(false)).detail).toBe(hidden);
  });

  it('shows no address in a journey to who may not see it', async () => {
    const step = { step: 'one', outcome: 'failed', reason: refused, atMs: 0 };
    const instance = {
      id: 'news:p_ada:1',
      reason: refused,
      startedMs: 0,
      steps: [],
      step: 0,
      history: [step],
    };
    const stored = {
      state: { profileId: 'p_ada', instances: [instance as unknown as Instance] },
      version: 1,
    } as unknown as StoredJourneys;
    const store = { getMany: () => Promise.resolve([stored]), list: () => Promise.resolve([stored]) };
    const journeys = new JourneysGrpc({ store, people: {} } as never);
    for (const [asked, reason] of [
      [caller(true), refused],
      [caller(false), hidden],
    ] as const) {
      const expected = { reason, history: [{ reason }] };
      expect((await journeys.getInstance({ id: instance.id }, asked)).instance).toMatchObject(expected);
      const all = await journeys.listInstances({ person: '', journey: '', limit: 1 }, asked);
      expect(all.instances).toMatchObject([expected]);
    }
  });
});
