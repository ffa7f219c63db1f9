import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { decisionsProto } from '@rapport/contracts';
import { bucketOf } from '@rapport/kernel';
import { playbook, tactic } from './fixtures/definitions.js';
import { openTemporaryRoom, type TemporaryRoom } from './fixtures/temporary-room.js';

/** Fails for whoever has a great number. */
const fragile = '{% for i in (1..profile.traits.count.value) %}x{% endfor %}';
const names = ['half', 'one_variant', 'unused_variant', 'sound'];
const tactics = [
  tactic('half', { holdout: 0.5, variants: [{ name: 'a', content: { headline: fragile } }] }),
  tactic('one_variant', {
    holdout: 0.5,
    variants: [
      { name: 'a', content: { headline: 'plain' } },
      { name: 'b', content: { headline: fragile } },
    ],
  }),
  tactic('unused_variant', {
    holdout: 0.5,
    variants: [
      { name: 'a', content: { headline: 'plain' } },
      { name: 'b', weight: 0, content: { headline: fragile } },
    ],
  }),
  tactic('sound', {
    holdout: 0.5,
    variants: [{ name: 'a', content: { headline: 'for {{ profile.profileId }}' } }],
  }),
];

describe('content that cannot be filled', () => {
  let world: TemporaryRoom;
  let decisions: decisionsProto.DecisionsService;
  beforeAll(async () => {
    world = await openTemporaryRoom(playbook({ tactics }));
    const room = await world.start();
    decisions = room.grpc[0]?.implementation as decisionsProto.DecisionsService;
  });
  afterAll(async () => world.close());

  test('keeps somebody out of every arm, and which arm somebody is in never depends on it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[a-z]{1,12}$/),
        fc.constantFrom(3, 1_000_000_000),
        async (name, count) => {
          const profileId = world.people.add(name, { traits: { count } });
          for (const one of names) {
            const { candidates } = await decisions.decide({
              person: profileId,
              placement: 'home',
              candidates: [one],
              context: undefined,
            });
            const isFine = count === 3 || one === 'sound' || one === 'unused_variant';
            const arm = bucketOf(`holdout:${one}`, profileId) < 0.5 ? 'holdout' : 'chosen';
            expect(candidates).toMatchObject([{ tactic: one, outcome: isFine ? arm : 'not_eligible' }]);
            if (!isFine) expect(candidates[0]?.reason).toContain('its content cannot be rendered');
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
