import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeJson, modelsProto, topics, type RejectedEvent } from '@rapport/contracts';
import type { Playbook } from '@rapport/playbook';
import { accepted, dayMs, epochMs, identified, membership, origin, profileId } from './fixtures/events.js';
import { playbookOf, segment } from './fixtures/playbooks.js';
import { openTestRoom, type TestRoom } from './fixtures/test-room.js';

const viewed = playbookOf(
  [{ name: 'views', kind: 'count', on: { event: 'Product Viewed' } }],
  [segment('keen', { did: { event: 'Product Viewed', atLeast: 3, within: '7d' } })],
);
const peopleIndexes = [
  { name: 'due', fields: ['partition', 'due'] },
  { name: 'timer', fields: ['partition', 'timer'] },
  { name: 'gone', fields: ['gone'] },
] as never;
const ada = profileId('ada');
const iso = (instantMs: number): string => new Date(instantMs).toISOString();
const view = (atMs: number, parts = {}) =>
  identified(accepted({ event: 'Product Viewed', atMs, properties: { product_id: 'p1' }, ...parts }), ada);

let rooms: TestRoom[] = [];
const open = async (playbook: Playbook = viewed): Promise<TestRoom> => {
  const room = await openTestRoom(playbook);
  rooms.push(room);
  return room;
};
afterEach(async () => {
  for (const room of rooms) await room.close();
  rooms = [];
});

describe('profiles', () => {
  it('enters a window with its third event and leaves it at the millisecond at which the first falls out', async () => {
    const room = await open();
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([view(epochMs), view(epochMs + 1000), view(epochMs + 2000)]);
    await room.settle(epochMs + 7 * dayMs - 1);
    expect((await room.profile('anonymous_id:ada')).segments).toEqual([
      { name: 'keen', since: iso(epochMs + 2000) },
    ]);
    await room.settle(epochMs + 7 * dayMs);
    expect(await room.profile('anonymous_id:ada')).toMatchObject({
      profileId: ada,
      segments: [],
      computedTraits: { views: 3 },
    });
    expect((await room.changes()).flatMap(({ transitions }) => transitions)).toEqual([
      { segment: 'keen', kind: 'entered', at: iso(epochMs + 2000) },
      { segment: 'keen', kind: 'left', at: iso(epochMs + 7 * dayMs) },
    ]);
  });

  it('leaves at the due instant before an event that was received later is applied', async () => {
    const room = await open();
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([view(epochMs), view(epochMs + 1), view(epochMs + 2), view(epochMs + 8 * dayMs)]);
    await room.settle();
    expect(
      (await room.changes()).flatMap(({ transitions }) => transitions.map(({ kind, at }) => [kind, at])),
    ).toEqual([
      ['entered', iso(epochMs + 2)],
      ['left', iso(epochMs + 7 * dayMs)],
    ]);
  });

  it('folds and tells a client’s retry once', async () => {
    const room = await open();
    const event = accepted({ event: 'Product Viewed', messageId: 'same' });
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([
      identified(event, ada),
      identified({ ...event, receivedAt: iso(epochMs + 5) }, ada),
    ]);
    await room.settle();
    await room.identify([identified(event, ada)]);
    await room.settle();
    expect((await room.profile(ada)).computedTraits).toEqual({ views: 1 });
    expect((await room.changes()).flatMap(({ events }) => events)).toHaveLength(1);
  });

  it('tells every event of a batch that is one person’s alone, once', async () => {
    const room = await open();
    await room.change([membership(ada, 1, [origin('ada')])]);
    const events = Array.from({ length: 600 }, (_, n) => view(epochMs + n));
    await room.identify(events);
    await room.settle();
    const told = (await room.changes()).flatMap((change) => change.events.map(({ messageId }) => messageId));
    expect(told).toEqual(events.map(({ messageId }) => messageId));
  });

  it('takes an event that comes before its membership', async () => {
    const room = await open();
    await room.identify([view(epochMs)]);
    await room.settle();
    expect(await room.profile(ada)).toMatchObject({ identifiers: ['anonymous_id:ada'], settling: true });
    await room.change([membership(ada, 1, [origin('ada'), origin('phone')])]);
    await room.settle();
    expect(await room.profile('anonymous_id:phone')).toMatchObject({
      profileId: ada,
      settling: false,
      computedTraits: { views: 1 },
    });
  });

  it('keeps the newest membership, whatever order they come in', async () => {
    const room = await open();
    await room.change([membership(ada, 3, [origin('ada'), origin('phone')])]);
    await room.settle();
    await room.change([membership(ada, 2, [origin('ada')])]);
    await room.settle();
    expect((await room.profile(ada)).identifiers).toEqual(['anonymous_id:ada', 'anonymous_id:phone']);
  });

  it('answers for the elder when asked for a profile that went into it', async () => {
    const room = await open();
    const bob = profileId('bob');
    await room.change([membership(ada, 1, [origin('ada')]), membership(bob, 1, [origin('bob')])]);
    await room.identify([
      view(epochMs),
      identified(accepted({ event: 'Product Viewed', origin: origin('bob') }), bob),
    ]);
    // Of somebody who was merged before anything was told of them nothing would be told.
    await room.settle();
    await room.change([
      membership(bob, 2, [], { kind: 'merged', mergedInto: ada }),
      membership(ada, 2, [origin('ada'), origin('bob')], { kind: 'merged', other: bob }),
    ]);
    await room.settle();
    expect(await room.profile(bob)).toMatchObject({ profileId: ada, computedTraits: { views: 2 } });
    const last = (await room.changes()).filter((change) => change.profileId === bob).at(-1);
    expect(last).toMatchObject({ mergedInto: ada, view: { identifiers: [], segments: [] } });
  });

  it('counts people, without those who went into others, and finds the count again', async () => {
    const room = await open();
    const bob = profileId('bob');
    await room.change([membership(ada, 1, [origin('ada')]), membership(bob, 1, [origin('bob')])]);
    await room.identify([view(epochMs)]);
    await room.settle();
    expect(await room.room.status?.()).toMatchObject({ people: 2, lag: 0 });
    await room.change([
      membership(bob, 2, [], { kind: 'merged', mergedInto: ada }),
      membership(ada, 2, [origin('ada'), origin('bob')], { kind: 'merged', other: bob }),
    ]);
    await room.settle();
    await room.restart();
    expect(await room.room.status?.()).toMatchObject({ people: 1 });
  });

  it('puts what cannot be read aside, with its place, and goes on', async () => {
    const room = await open();
    await room.change([membership(ada, 1, [origin('ada')])]);
    const append = (text: string) =>
      room.log.append(topics.identified.name, [{ key: ada, value: new TextEncoder().encode(text) }]);
    await append('{"type":');
    await append(JSON.stringify({ ...view(epochMs), timestamp: 'yesterday' }));
    await append(JSON.stringify({ ...view(epochMs), properties: 'none' }));
    await room.identify([view(epochMs)]);
    await room.settle();
    expect((await room.profile(ada)).computedTraits).toEqual({ views: 1 });
    const rejected: RejectedEvent[] = [];
    for (let partition = 0; partition < 4; partition++) {
      for (const { value } of await room.log.read(topics.rejected.name, partition, 0, 100)) {
        if (value !== null) rejected.push(decodeJson<RejectedEvent>(value));
      }
    }
    expect(rejected).toHaveLength(3);
    expect(rejected[0]).toMatchObject({
      stage: 'profiles',
      code: 'RECORD_UNREADABLE',
      original: '{"type":',
      position: { topic: 'events.identified.v1', offset: 0 },
    });
  });
});

describe('a person whose document cannot be used', () => {
  it('stops neither timers, nor a takeover, nor anybody else, and is told once', async () => {
    const room = await open();
    const people = ['ada', 'bob', 'cy'].map(profileId);
    const [first = ada, bob = ada, cy = ada] = people;
    for (const name of ['ada', 'bob', 'cy']) {
      await room.change([membership(profileId(name), 1, [origin(name)])]);
      await room.identify(
        [0, 1, 2].map((ms) =>
          identified(
            accepted({ event: 'Product Viewed', atMs: epochMs + ms, origin: origin(name) }),
            profileId(name),
          ),
        ),
      );
    }
    await room.settle();
    await room.restart(viewed, async (store) => {
      const stored = await store.collection<object>({ name: 'profiles.people', indexes: peopleIndexes });
      const spoil = async (id: string, more: object): Promise<void> => {
        const known = await stored.get(id);
        await stored.write([{ id, doc: { ...known?.doc, segments: 7, ...more } }]);
      };
      await spoil(first, {});
      await spoil(cy, { timer: 10_000, batch: 10_000 });
    });
    await room.settle(epochMs + 7 * dayMs + 10);
    expect((await room.profile(bob)).segments).toEqual([]);
    const rejected = async () => {
      const found: RejectedEvent[] = [];
      for (let partition = 0; partition < 4; partition++) {
        for (const { value } of await room.log.read(topics.rejected.name, partition, 0, 100))
          if (value !== null) found.push(decodeJson<RejectedEvent>(value));
      }
      return found;
    };
    const told = await rejected();
    expect(told.map(({ stage, code, document }) => [stage, code, document?.id]).sort()).toEqual(
      [first, cy].map((id) => ['profiles', 'DOCUMENT_UNUSABLE', id]).sort(),
    );
    await room.restart();
    await room.settle(epochMs + 8 * dayMs);
    expect(await rejected()).toEqual(told);
    expect(await room.room.status?.()).toMatchObject({ lag: 0 });
  });
});

describe('definitions that changed', () => {
  it('fold the past again from the timeline, and decide everybody at the start', async () => {
    const room = await open();
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([
      view(epochMs, { properties: { price: 2.5 } }),
      view(epochMs + 1, { properties: { price: 4 } }),
    ]);
    await room.settle(epochMs + dayMs);
    await room.restart(
      playbookOf(
        [
          { name: 'views', kind: 'count', on: { event: 'Product Viewed' } },
          { name: 'spent', kind: 'sum', on: { event: 'Product Viewed' }, property: 'price' },
        ],
        [segment('spender', { computed: { path: 'spent', op: 'gt', value: 6 } })],
      ),
    );
    await room.settle();
    expect(await room.profile(ada)).toMatchObject({
      computedTraits: { views: 2, spent: 6.5 },
      segments: [{ name: 'spender', since: iso(epochMs + dayMs) }],
    });
    await room.identify([view(epochMs + dayMs, { properties: { price: 1 } })]);
    await room.settle();
    expect((await room.profile(ada)).computedTraits).toEqual({ views: 3, spent: 7.5 });
  });

  it('make people leave segments that are no more', async () => {
    const room = await open();
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([view(epochMs), view(epochMs), view(epochMs)]);
    await room.settle();
    await room.restart(playbookOf([], []));
    await room.settle();
    expect((await room.changes()).at(-1)?.transitions).toMatchObject([{ segment: 'keen', kind: 'left' }]);
    expect((await room.profile(ada)).segments).toEqual([]);
  });
});

describe('predictions', () => {
  const predicted = playbookOf(
    [{ name: 'views', kind: 'count', on: { event: 'Product Viewed' } }],
    [segment('likely', { prediction: { model: 'propensity', atLeast: 0.5 } })],
  );

  it('ask the model with the features after each batch', async () => {
    const room = await open(predicted);
    room.host.calls.provide(modelsProto.ModelsServiceDefinition, {
      score: ({ model, rows }: modelsProto.ScoreRequest): Promise<modelsProto.ScoreResponse> =>
        Promise.resolve({
          scores: rows.map(({ values }) => (model === 'propensity' ? (values['views'] ?? 0) / 4 : 0)),
          version: '1',
          found: [],
        }),
    });
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([view(epochMs)]);
    await room.settle();
    expect((await room.profile(ada)).segments).toEqual([]);
    await room.identify([view(epochMs + 7)]);
    await room.settle();
    expect((await room.profile(ada)).segments).toEqual([{ name: 'likely', since: iso(epochMs + 7) }]);
  });

  it('do not hold without the model, and readiness says why', async () => {
    const room = await open(predicted);
    await room.change([membership(ada, 1, [origin('ada')])]);
    await room.identify([view(epochMs)]);
    await room.settle();
    expect((await room.profile(ada)).segments).toEqual([]);
    expect(await room.room.readiness()).toContain('model propensity gives no scores');
  });
});
