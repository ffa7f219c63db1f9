import { afterEach, describe, expect, it } from '@jest/globals';
import { accepted, dayMs, epochMs, identified, membership, origin, profileId } from './fixtures/events.js';
import { playbookOf, segment } from './fixtures/playbooks.js';
import { openTestRoom, type TestRoom } from './fixtures/test-room.js';

const viewed = playbookOf(
  [{ name: 'views', kind: 'count', on: { event: 'Product Viewed' } }],
  [segment('keen', { did: { event: 'Product Viewed', atLeast: 3, within: '7d' } })],
);
const ada = profileId('ada');
const view = (atMs: number, parts = {}) =>
  identified(accepted({ event: 'Product Viewed', atMs, properties: { product_id: 'p1' }, ...parts }), ada);

let rooms: TestRoom[] = [];
const open = async (playbook = viewed): Promise<TestRoom> => {
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
      { name: 'keen', since: new Date(epochMs + 2000).toISOString() },
    ]);
    await room.settle(epochMs + 7 * dayMs);
    const profile = await room.profile('anonymous_id:ada');
    expect(profile).toMatchObject({ profileId: ada, segments: [], computedTraits: { views: 3 } });
    expect((await room.changes()).flatMap(({ transitions }) => transitions)).toEqual([
      { segment: 'keen', kind: 'entered', at: new Date(epochMs + 2000).toISOString() },
      { segment: 'keen', kind: 'left', at: new Date(epochMs + 7 * dayMs).toISOString() },
    ]);
  });
});
