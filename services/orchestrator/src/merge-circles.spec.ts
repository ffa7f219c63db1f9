import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeJson, topics, type RejectedEvent } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import { mailTactic, playbook } from './fixtures/definitions.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';

const hour = 3_600_000;
const book = playbook({
  tactics: [mailTactic('reminder')],
  journeys: [
    {
      name: 'cart',
      title: 'cart',
      version: 1,
      start: { event: 'Product Added' },
      steps: [{ name: 'remind', wait: '1h', send: 'reminder' }],
    },
  ],
});

let world: TemporaryRoom;
beforeEach(async () => {
  world = await openTemporaryRoom(book);
});
afterEach(async () => {
  await world.close();
});

/** A record that no room of ours writes: identity lets the younger go into the elder, so there are no circles. */
async function goesInto(profileId: ProfileId, mergedInto: ProfileId, version: number): Promise<void> {
  const at = new Date(world.clock.now()).toISOString();
  const view = { profileId, identifiers: [], traits: {}, computedTraits: {}, segments: [], consent: {} };
  const change = { profileId, version, asOf: at, transitions: [], events: [], mergedInto, view };
  await world.log.append(topics.profilesChanged.name, [{ key: profileId, value: encodeJson(change) }]);
}

const lagOf = (): Promise<number> =>
  world.log.groupLag('journeys', [topics.profilesChanged.name, topics.decisionsMade.name]);

describe('profiles that are said to have gone into each other in a circle', () => {
  it('stop nobody, whatever they have under way', async () => {
    const room = await world.start();
    let made = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ busy: fc.boolean(), next: fc.nat(4) }), { minLength: 2, maxLength: 5 }),
        async (plan) => {
          const names = plan.map(() => `circle${made++}`);
          const people = names.map((name) => world.people.add(name));
          for (const [index, { busy }] of plan.entries())
            if (busy) await world.people.did(people[index] as ProfileId, 'Product Added');
          for (const [index, { next }] of plan.entries()) {
            const into = people[next % people.length] as ProfileId;
            await goesInto(people[index] as ProfileId, into, 100);
          }
          // One circle through all of them is always there, first and last.
          for (const [index, person] of people.entries())
            await goesInto(person, people[(index + 1) % people.length] as ProfileId, 101);
          await world.advanceTo(room, world.clock.now() + 2 * hour);
          expect(await lagOf()).toBe(0);
        },
      ),
      { numRuns: 10 },
    );
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, world.clock.now() + 2 * hour);
    const requested = await world.read<{ profileId: string }>(topics.messagesRequested);
    expect(requested.map(({ profileId }) => profileId)).toContain(ada);
  });

  it('are refused where one is said to have gone into itself', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await goesInto(ada, ada, 100);
    await world.people.did(ada, 'Product Added');
    await world.advanceTo(room, startMs + 2 * hour);
    const rejected = await world.read<RejectedEvent>(topics.rejected);
    expect(rejected.map(({ stage, code }) => [stage, code])).toEqual([['journeys', 'RECORD_UNREADABLE']]);
    expect([await lagOf(), (await world.read(topics.messagesRequested)).length]).toEqual([0, 1]);
  });
});
