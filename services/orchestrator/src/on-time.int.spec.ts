import { afterEach, describe, expect, it } from '@jest/globals';
import {
  decodeJson,
  encodeJson,
  topics,
  type DecisionRecord,
  type RequestedMessage,
} from '@rapport/contracts';
import type { Consumer } from '@rapport/event-log';
import { systemClock, type ProfileId } from '@rapport/kernel';
import type { journeysProto } from '@rapport/contracts';
import { mailTactic, playbook } from './fixtures/definitions.js';
import { openTemporaryRoom, type TemporaryRoom } from './fixtures/temporary-room.js';
import { awaitUpstream } from './steps/await-upstream.js';

const waitMs = 800;
const book = playbook({
  tactics: [mailTactic('reminder')],
  journeys: [
    {
      name: 'cart',
      title: 'cart',
      version: 1,
      start: { event: 'Product Added' },
      exitOn: ['Order Completed'],
      steps: [{ name: 'remind', wait: `${waitMs}ms`, send: 'reminder' }],
    },
  ],
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const consumers: Consumer[] = [];
let world: TemporaryRoom;
afterEach(async () => {
  for (const consumer of consumers.splice(0)) await consumer.stop();
  await world.close();
});

/** The rooms before this one, each taking its time: accepted -> identified -> a change of the profile. */
async function slowRooms(delayMs: number): Promise<void> {
  const forward = async (
    group: string,
    from: readonly string[],
    hand: (value: Uint8Array) => Promise<unknown>,
  ) => {
    consumers.push(
      await world.log.consume({
        group,
        topics: from,
        onBatch: async ({ records }) => {
          await pause(delayMs);
          for (const { value } of records) if (value !== null) await hand(value);
        },
      }),
    );
  };
  await forward('identity', [topics.accepted.name], async (value) =>
    world.log.append(topics.identified.name, [{ key: 'p_ada', value }]),
  );
  await forward('profiles', [topics.identified.name, topics.identityChanged.name], async (value) => {
    const { event, receivedMs } = decodeJson<{ event: string; receivedMs: number }>(value);
    await world.people.did('p_ada' as ProfileId, event, { receivedMs });
  });
}

const receive = async (event: string): Promise<unknown> =>
  world.log.append(topics.accepted.name, [
    { key: 'p_ada', value: encodeJson({ event, receivedMs: Date.now() }) },
  ]);

describe('by the machine’s clock', () => {
  it('a step is decided soon after it is due, and not before', async () => {
    world = await openTemporaryRoom(book, { clock: systemClock });
    const room = await world.start();
    const began = Date.now();
    await world.people.did(world.people.add('ada'), 'Product Added');
    let messages: RequestedMessage[] = [];
    while (messages.length === 0 && Date.now() < began + 20_000) {
      messages = await world.read<RequestedMessage>(topics.messagesRequested);
      if (messages.length > 0) expect(Date.now() - began).toBeGreaterThanOrEqual(waitMs);
      await pause(20);
    }
    expect(messages).toHaveLength(1);
    const [decision] = await world.read<DecisionRecord>(topics.decisionsMade);
    expect(Date.parse(decision?.at ?? '') - began).toBeGreaterThanOrEqual(waitMs);
    await room.settle();
  });

  it('a purchase that came in before a step was due ends the journey, although it is still on its way then', async () => {
    world = await openTemporaryRoom(book, { clock: systemClock });
    await slowRooms(300);
    const room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await pause(waitMs - 250);
    await receive('Order Completed');
    // It takes 600 ms to come through; the step is due in 250.
    const journeys = room.grpc[1]?.implementation as journeysProto.JourneysService;
    let state = '';
    for (const until = Date.now() + 20_000; state !== 'cancelled' && Date.now() < until; await pause(50)) {
      const { instances } = await journeys.listInstances({ person: ada, journey: '', limit: 0 });
      state = instances[0]?.state ?? '';
      expect(['waiting', 'cancelled']).toContain(state);
    }
    expect(state).toBe('cancelled');
    expect(await world.read(topics.messagesRequested)).toEqual([]);
  });

  it('stops while a batch cannot be handled and a step that is due waits for it', async () => {
    world = await openTemporaryRoom(book, { clock: systemClock });
    const room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await room.settle();
    world.people.isAway = true;
    const at = new Date().toISOString();
    const decision: DecisionRecord = {
      ...{ decisionId: 'd', profileId: ada, person: ada, placement: 'home', at, chosen: null, propensity: 1 },
      ...{ holdout: true, rung: 'none', versions: { playbook: '', profile: 1 }, features: {} },
      candidates: [{ tactic: 'reminder', outcome: 'holdout', reason: '' }],
    };
    await world.log.append(topics.decisionsMade.name, [{ key: ada, value: encodeJson(decision) }]);
    await pause(waitMs + 200);
    const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'still running').unref());
    expect(await Promise.race([room.stop().then(() => 'stopped'), late])).toBe('stopped');
  });

  it('waits for what is on its way, but not for ever', async () => {
    world = await openTemporaryRoom(book);
    world.people.add('ada');
    await receive('Order Completed');
    expect(await awaitUpstream(world.log, 60)).toBe(false);
    await slowRooms(100);
    const began = Date.now();
    expect(await awaitUpstream(world.log, 10_000)).toBe(true);
    expect(Date.now() - began).toBeGreaterThanOrEqual(100);
  });
});
