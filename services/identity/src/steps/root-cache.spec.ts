import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Identifier } from '@rapport/kernel';
import { openTestGraph, profile, seen, type TestGraph } from '../fixtures/temporary-graph.js';

let graph: TestGraph;
beforeAll(async () => {
  graph = await openTestGraph({});
});
afterAll(async () => await graph.close());

const dayMinutes = 24 * 60;

describe('what a worker remembers', () => {
  it('asks no store about known devices, accounts and pairs, but once per pair and day', async () => {
    const worker = graph.worker();
    const { people } = worker.ports;
    const asked = { reads: 0, writes: 0 };
    const { getMany, write } = people;
    people.getMany = (ids) => (asked.reads++, getMany.call(people, ids));
    people.write = (writes) => (asked.writes++, write.call(people, writes));
    const events = (minute: number) => [
      seen(['user_id:1', 'anonymous_id:a', 'email:a@x.org'], minute),
      seen(['anonymous_id:a'], minute),
      seen(['user_id:2', 'anonymous_id:a'], minute),
    ];
    await worker.identify(events(0));
    await worker.identify(events(1));
    const { reads, writes } = asked;
    for (let minute = 2; minute < 100; minute++) await worker.identify(events(minute));
    expect(asked).toEqual({ reads, writes });
    await worker.identify(events(dayMinutes));
    expect(asked.writes).toBe(writes + 1);
    for (let minute = 1; minute < 100; minute++) await worker.identify(events(dayMinutes + minute));
    expect(asked.writes).toBe(writes + 1);
    const { edges } = await worker.read.graphOf('user_id:1' as Identifier);
    expect(edges.map(({ days }) => days)).toEqual([2, 2]);
    Object.assign(people, { getMany, write });
  });

  it('follows at once what this process merges, and by the trust time what another one does', async () => {
    const [here, there] = [graph.worker(undefined, 1_000), graph.worker(undefined, 1_000)];
    graph.clock.advanceTo(graph.clock.now() + 1);
    await here.identify([seen(['user_id:7'], 0)]);
    graph.clock.advanceTo(graph.clock.now() + 1);
    for (const worker of [here, there]) {
      expect(await worker.identify([seen(['anonymous_id:7'], 0)])).toEqual([profile('anonymous_id:7')]);
    }
    await here.identify([seen(['user_id:7', 'anonymous_id:7'], 1)]);
    expect(await here.identify([seen(['anonymous_id:7'], 2)])).toEqual([profile('user_id:7')]);
    expect(await there.identify([seen(['anonymous_id:7'], 2)])).toEqual([profile('anonymous_id:7')]);
    graph.clock.advanceTo(graph.clock.now() + 1_001);
    expect(await there.identify([seen(['anonymous_id:7'], 3)])).toEqual([profile('user_id:7')]);
  });
});
