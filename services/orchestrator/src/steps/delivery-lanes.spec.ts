import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VirtualClock } from '@rapport/kernel';
import type { DeliveryState, Lane, StoredDelivery } from '../ports/delivery-store.js';
import { DeliveryLanes, type Attempted } from './delivery-lanes.js';

const stateOf = (messageId: string, destination: string, dueMs: number, partition = 0): DeliveryState => ({
  messageId,
  profileId: 'p',
  channel: 'c',
  partition,
  tactic: 't',
  destination,
  state: 'waiting',
  attempts: 0,
  detail: '',
  sinceMs: 0,
  atMs: 0,
  dueMs,
  replays: 0,
});

/** Waiting messages in memory, read as the store's index is. */
class Waiting {
  readonly states = new Map<string, DeliveryState>();
  mostRead = 0;

  add(...states: readonly DeliveryState[]): readonly StoredDelivery[] {
    for (const state of states) this.states.set(state.messageId, state);
    return states.map((state) => ({ state, version: 1 }));
  }

  #inLane({ partition, destination }: Lane): DeliveryState[] {
    return [...this.states.values()]
      .filter((one) => one.partition === partition && one.destination === destination)
      .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0));
  }

  async due(lane: Lane, untilMs: number, limit: number): Promise<readonly StoredDelivery[]> {
    const found = this.#inLane(lane)
      .filter(({ dueMs = 0 }) => dueMs <= untilMs)
      .slice(0, limit);
    this.mostRead = Math.max(this.mostRead, found.length);
    // What was found is told a little later, as by a server: meanwhile tries end.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    return found.map((state) => ({ state, version: 1 }));
  }

  async nextDue(lane: Lane, afterMs: number): Promise<number | undefined> {
    return Promise.resolve(this.#inLane(lane).find(({ dueMs = 0 }) => dueMs > afterMs)?.dueMs);
  }

  async *destinations(
    _channel: string,
    partition: number,
  ): AsyncIterable<{ destination: string; dueMs: number }> {
    for (const destination of new Set([...this.states.values()].map((one) => one.destination))) {
      const [first] = this.#inLane({ channel: 'c', partition, destination });
      if (first) yield await Promise.resolve({ destination, dueMs: first.dueMs ?? 0 });
    }
  }
}

describe('lanes', () => {
  it('send each message once for each try that it is due for, however many there are, bounded at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            destination: fc.constantFrom('a', 'a', 'a', 'b', 'c'),
            dueMs: fc.integer({ min: 0, max: 20 }),
            partition: fc.integer({ min: 0, max: 1 }),
            // What the tries of it bring, before it is taken.
            fails: fc.array(fc.constantFrom('later' as const, 'throws' as const), { maxLength: 2 }),
          }),
          { maxLength: 200, size: 'max' },
        ),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 200 }),
        async (messages, atOnce, offered) => {
          const clock = new VirtualClock(10);
          const waiting = new Waiting();
          const brought = new Map<string, number>();
          let inFlight = 0;
          const toEach = new Map<string, number>();
          const inAttempt = new Set<string>();
          const wrong: string[] = [];
          const plans = new Map(messages.map((one, index) => [`m${index}`, one]));
          const lanes = new DeliveryLanes({
            channel: 'c',
            clock,
            store: waiting,
            atOnce,
            restMs: 0,
            onFailure: () => undefined,
            attempt: async ({ state }): Promise<Attempted> => {
              const { messageId, destination } = state;
              // It is in the store as it was handed over: nobody else had it meanwhile.
              if (waiting.states.get(messageId) !== state) wrong.push(`${messageId}: not as it stands`);
              if (inAttempt.has(messageId)) wrong.push(`${messageId}: twice at a time`);
              inAttempt.add(messageId);
              if (++inFlight > atOnce) wrong.push(`${inFlight} in flight`);
              const there = (toEach.get(destination) ?? 0) + 1;
              toEach.set(destination, there);
              if (there > Math.max(1, atOnce >> 1)) wrong.push(`${there} in flight to ${destination}`);
              await new Promise((resolve) => setImmediate(resolve));
              inFlight--;
              toEach.set(destination, (toEach.get(destination) ?? 0) - 1);
              inAttempt.delete(messageId);
              const tries = (brought.get(messageId) ?? 0) + 1;
              brought.set(messageId, tries);
              const fate = plans.get(messageId)?.fails[tries - 1];
              if (fate === 'throws') throw new Error('the store is away');
              if (fate === 'later') {
                const dueMs = clock.now() + 5;
                waiting.add({ ...state, dueMs });
                return { destination: 'unwilling', dueMs };
              }
              waiting.states.delete(messageId);
              return { destination: 'willing' };
            },
          });
          const all = messages.map(({ destination, dueMs, partition }, index) =>
            stateOf(`m${index}`, destination, dueMs, partition),
          );
          waiting.add(...all.slice(offered));
          await lanes.take(0);
          await lanes.take(1);
          lanes.offer(waiting.add(...all.slice(0, offered)));
          for (const nowMs of [10, 15, 20, 25, 30, 40]) {
            clock.advanceTo(nowMs);
            await lanes.settle();
            const due = [...waiting.states.values()].filter(({ dueMs = 0 }) => dueMs <= nowMs);
            expect(due).toEqual([]);
          }
          await lanes.stop();
          expect(wrong).toEqual([]);
          expect(waiting.states.size).toBe(0);
          for (const [messageId, { fails }] of plans) expect(brought.get(messageId)).toBe(fails.length + 1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('hold a few messages of each destination in memory, whatever waits in the store', async () => {
    const clock = new VirtualClock(0);
    const waiting = new Waiting();
    waiting.add(...Array.from({ length: 5_000 }, (_, index) => stateOf(`m${index}`, 'a', 0)));
    const lanes = new DeliveryLanes({
      channel: 'c',
      clock,
      store: waiting,
      atOnce: 16,
      onFailure: () => undefined,
      attempt: async ({ state }) => {
        waiting.states.delete(state.messageId);
        return Promise.resolve({ destination: 'willing' });
      },
    });
    await lanes.take(0);
    expect(await lanes.settle()).toBe(5_000);
    expect(waiting.mostRead).toBeLessThan(100);
  });

  it('leave half of the places to others, however many destinations hang', async () => {
    const clock = new VirtualClock(0);
    const waiting = new Waiting();
    const hung: (() => void)[] = [];
    let hangs = false;
    const reached: string[] = [];
    const lanes = new DeliveryLanes({
      channel: 'c',
      clock,
      store: waiting,
      atOnce: 4,
      onFailure: () => undefined,
      attempt: async ({ state }) => {
        waiting.states.delete(state.messageId);
        if (!state.destination.startsWith('slow')) {
          reached.push(state.messageId);
          return { destination: 'willing' };
        }
        if (hangs) await new Promise<void>((resolve) => hung.push(resolve));
        return { destination: 'unwilling', dueMs: 1_000_000 };
      },
    });
    await lanes.take(0);
    const slow = (round: string): DeliveryState[] =>
      Array.from({ length: 20 }, (_, index) => stateOf(`s${round}${index}`, `slow${index}`, 0));
    lanes.offer(waiting.add(...slow('first')));
    await lanes.settle();
    hangs = true;
    lanes.offer(waiting.add(...slow('again')));
    lanes.offer(
      waiting.add(...Array.from({ length: 20 }, (_, index) => stateOf(`q${index}`, `quick${index}`, 0))),
    );
    while (reached.length < 20) await new Promise((resolve) => setImmediate(resolve));
    expect(hung.length).toBe(2);
    hangs = false;
    for (const free of hung) free();
    await lanes.settle();
    await lanes.stop();
  });
});
