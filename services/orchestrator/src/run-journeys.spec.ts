import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { topics, type DecisionRecord, type Delivery, type RequestedMessage } from '@rapport/contracts';
import type { JourneyDefinition } from '@rapport/playbook';
import { mailTactic, playbook } from './fixtures/definitions.js';
import { Mortal } from './fixtures/dying-engines.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';

const hour = 3_600_000;
const minute = 60_000;

const cart: JourneyDefinition = {
  name: 'cart',
  title: 'cart',
  version: 1,
  start: { event: 'Product Added' },
  exitOn: ['Order Completed'],
  steps: [{ name: 'remind', wait: '1h', send: 'reminder' }],
  reentryAfter: '7d',
};
const away: JourneyDefinition = {
  name: 'away',
  title: 'away',
  version: 1,
  start: { segment: 'away' },
  steps: [{ name: 'select', send: 'selection' }],
};

const book = playbook({
  tactics: [
    mailTactic('reminder', { caps: [{ max: 5, per: '1d' }] }),
    mailTactic('selection', { segment: 'away', items: { limit: 2, excludeBoughtWithin: '30d' } }),
    mailTactic('withheld', { holdout: 1 }),
  ],
  journeys: [cart, away],
});

let world: TemporaryRoom;
beforeEach(async () => {
  world = await openTemporaryRoom(book);
});
afterEach(async () => {
  await world.close();
});

const requested = async (): Promise<RequestedMessage[]> =>
  world.read<RequestedMessage>(topics.messagesRequested);

describe('a cart that was left', () => {
  it('brings one message an hour later, to the millisecond, and never a second', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + hour - 1);
    expect(await requested()).toEqual([]);
    await world.advanceTo(room, startMs + hour);
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + 30 * hour);
    const [message, ...more] = await requested();
    expect(more).toEqual([]);
    expect(message).toMatchObject({ tactic: 'reminder', to: 'ada@example.com', journey: 'cart' });
    expect(message?.requestedAt).toBe(new Date(startMs + hour).toISOString());
    expect(await world.read<Delivery>(topics.deliveriesRecorded)).toMatchObject([
      { outcome: 'sent', attempts: 1 },
    ]);
    const [decision] = await world.read<DecisionRecord>(topics.decisionsMade);
    expect(decision).toMatchObject({ journey: 'cart', chosen: { tactic: 'reminder' } });
  });

  it('is ended at once by a purchase in the middle of the wait', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + 59 * minute);
    await world.people.did(ada, 'Order Completed');
    await room.settle();
    const journeys = room.grpc[1]?.implementation as {
      listInstances(
        request: object,
      ): Promise<{ instances: { state: string; reason: string; due: string }[] }>;
    };
    const { instances } = await journeys.listInstances({ person: 'user_id:ada', journey: '', limit: 0 });
    expect(instances).toMatchObject([{ state: 'cancelled', due: '', reason: 'Order Completed ended it' }]);
    await world.advanceTo(room, startMs + 3 * hour);
    expect(await requested()).toEqual([]);
  });

  it('is not ended by a purchase that came in after the step was due, however late the step is decided', async () => {
    let room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await room.settle();
    await room.stop();
    world.clock.advanceTo(startMs + 2 * hour);
    await world.people.did(ada, 'Order Completed', { atMs: startMs + hour + 1 });
    room = await world.start();
    await room.settle();
    expect(await requested()).toHaveLength(1);
  });

  it('is ended by a purchase that came in before the step was due, however late that is seen', async () => {
    let room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await room.settle();
    await room.stop();
    world.clock.advanceTo(startMs + 2 * hour);
    await world.people.did(ada, 'Order Completed', { receivedMs: startMs + hour - 1 });
    room = await world.start();
    await room.settle();
    expect(await requested()).toEqual([]);
  });

  it('is ended by a purchase that another profile of the same person made', async () => {
    const room = await world.start();
    const phone = world.people.add('phone');
    const ada = world.people.add('ada');
    await world.people.did(phone, 'Product Added');
    await world.people.did(ada, 'Order Completed', { atMs: startMs + 1, receivedMs: startMs + 1 });
    await world.people.merge(phone, ada);
    await world.advanceTo(room, startMs + 2 * hour);
    expect(await requested()).toEqual([]);
  });

  it('starts again only after the time for re-entry', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    for (const day of [0, 1, 6, 7.5, 8]) {
      await world.advanceTo(room, startMs + day * 24 * hour);
      await world.people.did(ada, 'Product Added');
      await world.advanceTo(room, startMs + day * 24 * hour + 2 * hour);
    }
    expect((await requested()).map(({ requestedAt }) => requestedAt)).toEqual(
      [hour, 7.5 * 24 * hour + hour].map((after) => new Date(startMs + after).toISOString()),
    );
  });

  it('starts nothing when the events are history', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added', { atMs: startMs - 40 * 24 * hour });
    await world.advanceTo(room, startMs + 2 * hour);
    expect(await requested()).toEqual([]);
  });

  it('says why when there is no consent, and sends nothing', async () => {
    const room = await world.start();
    const ada = world.people.add('ada', { consent: { email_marketing: false } });
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + 2 * hour);
    expect(await requested()).toEqual([]);
    const decisions = await world.read<DecisionRecord>(topics.decisionsMade);
    expect(decisions).toMatchObject([{ chosen: null, candidates: [{ outcome: 'no_consent' }] }]);
  });
});

describe('two profiles that turn out to be one person', () => {
  it('get one reminder for two carts', async () => {
    const room = await world.start();
    const phone = world.people.add('phone');
    const ada = world.people.add('ada');
    await world.people.did(phone, 'Product Added');
    await world.advanceTo(room, startMs + 10 * minute);
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + 20 * minute);
    await world.people.merge(phone, ada);
    await world.advanceTo(room, startMs + 5 * hour);
    const messages = await requested();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({
      profileId: ada,
      requestedAt: new Date(startMs + hour).toISOString(),
    });
  });

  it('get none when one of them was reminded already', async () => {
    const room = await world.start();
    const phone = world.people.add('phone');
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + 90 * minute);
    await world.people.did(phone, 'Product Added');
    await world.advanceTo(room, startMs + 100 * minute);
    await world.people.merge(phone, ada);
    await world.advanceTo(room, startMs + 5 * hour);
    expect(await requested()).toHaveLength(1);
  });

  it('come to an end where others say that profiles went into each other, in a circle', async () => {
    const room = await world.start();
    const [ada, bob, cyd] = ['ada', 'bob', 'cyd'].map((name) => world.people.add(name));
    if (ada === undefined || bob === undefined || cyd === undefined) throw new Error('expected three');
    for (const id of [ada, bob, cyd]) await world.people.did(id, 'Product Added');
    await room.settle();
    await world.people.publish(world.people.change(bob, { mergedInto: cyd }));
    await room.settle();
    await world.people.publish(world.people.change(cyd, { mergedInto: bob }));
    await room.settle();
    await world.people.publish(world.people.change(ada, { mergedInto: bob }));
    const dan = world.people.add('dan');
    await world.people.did(dan, 'Product Added');
    await world.advanceTo(room, startMs + 2 * hour);
    expect((await requested()).map(({ profileId }) => profileId)).toContain(dan);
  });

  it('get none from the old profile while its change is still on the way', async () => {
    const room = await world.start();
    const phone = world.people.add('phone');
    const ada = world.people.add('ada');
    await world.people.did(phone, 'Product Added');
    await room.settle();
    await world.people.merge(phone, ada, false);
    await world.advanceTo(room, startMs + 2 * hour);
    expect(await requested()).toEqual([]);
    await world.people.publish(world.people.change(ada, {}), world.people.change(phone, { mergedInto: ada }));
    await room.settle();
    expect(await requested()).toMatchObject(
      [{ profileId: ada, to: 'phone@example.com' }].map(({ profileId }) => ({ profileId })),
    );
  });
});

describe('a segment that starts a journey', () => {
  it('sends a selection without what was bought lately', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    world.people.recommended = ['a', 'b', 'c', 'd'];
    await world.people.did(ada, 'Order Completed', {
      properties: { products: [{ product_id: 'a' }, { product_id: 'c' }] },
    });
    await world.advanceTo(room, startMs + hour);
    await world.people.enters(ada, 'away');
    await room.settle();
    expect(await requested()).toMatchObject([
      { tactic: 'selection', content: { items: [{ item: 'b' }, { item: 'd' }] } },
    ]);
    expect(world.people.askedToExclude).toEqual(['a', 'c']);
  });

  it('sends nothing when the person has left it before the step', async () => {
    const late: JourneyDefinition = { ...away, steps: [{ name: 'select', wait: '1h', send: 'selection' }] };
    const other = await openTemporaryRoom(playbook({ tactics: book.tactics, journeys: [late] }));
    const room = await other.start();
    const ada = other.people.add('ada');
    await other.people.enters(ada, 'away');
    await other.advanceTo(room, startMs + 30 * minute);
    await other.people.leaves(ada, 'away');
    await other.advanceTo(room, startMs + 2 * hour);
    expect(await other.read(topics.messagesRequested)).toEqual([]);
    const [decision] = await other.read<DecisionRecord>(topics.decisionsMade);
    expect(decision?.candidates[0]).toMatchObject({ outcome: 'not_eligible', reason: 'not in segment away' });
    await other.close();
  });
});

describe('a crash at any write', () => {
  it('neither loses a message nor sends it twice', async () => {
    const lives: string[] = [];
    for (const when of ['before', 'after'] as const) {
      for (let diesAt = when === 'before' ? 1 : 2; ; diesAt += 2) {
        const temporary = await openTemporaryRoom(book);
        const mortal = new Mortal(diesAt, when);
        const ada = temporary.people.add('ada');
        const bob = temporary.people.add('bob');
        await temporary.people.did(ada, 'Product Added');
        await temporary.people.did(bob, 'Product Added');
        await temporary.people.merge(bob, ada);
        const first = await temporary.start(mortal).catch(() => undefined);
        await Promise.race([
          first && temporary.advanceTo(first, startMs + 2 * hour).catch(() => undefined),
          died(mortal),
        ]);
        const survived = !mortal.isDead;
        mortal.isDead = true;
        await first?.stop().catch(() => undefined);
        temporary.clock.advanceTo(startMs + 2 * hour);
        const second = await temporary.start();
        await second.settle();
        const messages = await temporary.read<RequestedMessage>(topics.messagesRequested);
        if (messages.length === 0) {
          const journeys = second.grpc[1]?.implementation as { listInstances(r: object): Promise<unknown> };
          console.log(
            JSON.stringify(await journeys.listInstances({ person: '', journey: '', limit: 0 }), null, 1),
          );
          console.log(JSON.stringify(await temporary.read<DecisionRecord>(topics.decisionsMade)));
        }
        const deliveries = await temporary.read<Delivery>(topics.deliveriesRecorded);
        const decisions = await temporary.read<DecisionRecord>(topics.decisionsMade);
        lives.push(`${when} ${diesAt}: ${new Set(messages.map(({ messageId }) => messageId)).size}`);
        expect([when, diesAt, new Set(messages.map(({ messageId }) => messageId)).size]).toEqual([
          when,
          diesAt,
          1,
        ]);
        expect([when, diesAt, new Set(deliveries.map(({ messageId }) => messageId)).size]).toEqual([
          when,
          diesAt,
          1,
        ]);
        expect(decisions.length).toBeGreaterThan(0);
        await temporary.close();
        if (survived) break;
      }
    }
    expect(lives.length).toBeGreaterThan(15);
  });
});

async function died(mortal: Mortal): Promise<void> {
  while (!mortal.isDead) await new Promise((resolve) => setTimeout(resolve, 5));
}
