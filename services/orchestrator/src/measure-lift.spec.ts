import { afterEach, beforeEach, describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeJson, topics, type CandidateOutcome, type DecisionRecord } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import { armOf, liftReport, noSums, withPerson } from './domain/lift.js';
import { readTactics } from './domain/tactics.js';
import { playbook, tactic } from './fixtures/definitions.js';
import { openDoor } from './fixtures/http-door.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';
import type { OrchestratorRoom } from './orchestrator.module.js';

const hour = 3_600_000;
const day = 24 * hour;
const book = playbook({
  tactics: [
    tactic('count'),
    tactic('revenue', {
      goal: { event: 'Order Completed', metric: 'sum', property: 'revenue', within: '2d', target: 1 },
    }),
  ],
});

let world: TemporaryRoom;
beforeEach(async () => {
  world = await openTemporaryRoom(book);
});
afterEach(async () => {
  await world.close();
});

interface Sums {
  readonly [tactic: string]: {
    readonly treated: readonly [number, number];
    readonly heldOut: readonly [number, number];
  };
}

/** People and sum of outcomes per arm, as GET /v1/tactics tells them. */
async function reported(room: OrchestratorRoom): Promise<Sums> {
  const door = await openDoor(room);
  const { body } = await door.get<{
    tactics: {
      tactic: string;
      treated: { people: number; mean: number };
      heldOut: { people: number; mean: number };
    }[];
  }>('/v1/tactics');
  await door.close();
  const { tactics } = body;
  const both = ({ people, mean }: { people: number; mean: number }): [number, number] => [
    people,
    Number((people * mean).toFixed(6)),
  ];
  return Object.fromEntries(
    tactics.map((one) => [one.tactic, { treated: both(one.treated), heldOut: both(one.heldOut) }]),
  );
}

async function decided(
  profileId: ProfileId,
  atMs: number,
  ...candidates: readonly (readonly [string, CandidateOutcome['outcome']])[]
): Promise<void> {
  const record: DecisionRecord = {
    decisionId: `d${atMs}`,
    profileId,
    person: profileId,
    placement: 'home',
    at: new Date(atMs).toISOString(),
    chosen: null,
    candidates: candidates.map(([name, outcome]) => ({ tactic: name, outcome, reason: '' })),
    propensity: 1,
    holdout: false,
    rung: 'none',
    versions: { playbook: '', profile: 1 },
    features: {},
  };
  await world.log.append(topics.decisionsMade.name, [{ key: profileId, value: encodeJson(record) }]);
}

describe('measuring a tactic', () => {
  it('counts what happened after the first meeting and within the window, and nothing else', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await decided(ada, startMs, ['count', 'chosen'], ['revenue', 'holdout']);
    await decided(ada, startMs + hour, ['count', 'outranked'], ['revenue', 'holdout']);
    await room.settle();
    const order = async (atMs: number, revenue: number): Promise<string> =>
      world.people.did(ada, 'Order Completed', { atMs, properties: { revenue } });
    await order(startMs, 1);
    await order(startMs + 1, 10.1);
    await order(startMs + 2 * day, 20.02);
    await order(startMs + 2 * day + 1, 40);
    await order(startMs + 7 * day, 80);
    await order(startMs + 7 * day + 1, 160);
    await room.settle();
    expect(await reported(room)).toEqual({
      count: { treated: [1, 4], heldOut: [0, 0] },
      revenue: { treated: [0, 0], heldOut: [1, 30.12] },
    });
  });

  it('finds what happened before it heard of the decision', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Order Completed', { atMs: startMs + 5 });
    await room.settle();
    await decided(ada, startMs, ['count', 'capped']);
    await room.settle();
    expect(await reported(room)).toMatchObject({ count: { treated: [1, 1] } });
  });

  it('counts the others where a decision is about somebody whom nobody knows any more', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    // In one partition, so that the one would hold up the other.
    const name = Array.from({ length: 100 }, (_, at) => `p_gone${at}` as ProfileId).find(
      (id) =>
        world.log.partitionOf(topics.decisionsMade.name, id) ===
        world.log.partitionOf(topics.decisionsMade.name, ada),
    );
    await decided(name ?? ada, startMs, ['count', 'chosen']);
    await decided(ada, startMs, ['count', 'holdout']);
    await room.settle();
    expect(await reported(room)).toMatchObject({ count: { treated: [1, 0], heldOut: [1, 0] } });
  });

  it('does not enrol who left before the holdout step', async () => {
    const room = await world.start();
    const ada = world.people.add('ada');
    await decided(ada, startMs, ['count', 'no_consent'], ['revenue', 'suppressed']);
    await room.settle();
    expect(await reported(room)).toMatchObject({ count: { treated: [0, 0], heldOut: [0, 0] } });
    expect((['not_eligible', 'no_consent', 'suppressed'] as const).map(armOf)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('puts a person who was two into the arm of the earlier meeting, and counts each purchase once', async () => {
    const room = await world.start();
    const phone = world.people.add('phone');
    const ada = world.people.add('ada');
    await decided(phone, startMs, ['count', 'holdout']);
    await decided(ada, startMs + hour, ['count', 'chosen']);
    await room.settle();
    await world.people.did(phone, 'Order Completed', { atMs: startMs + 2 * hour });
    await world.people.did(ada, 'Order Completed', { atMs: startMs + 3 * hour });
    await room.settle();
    expect(await reported(room)).toMatchObject({ count: { treated: [1, 1], heldOut: [1, 1] } });
    await world.people.merge(phone, ada);
    await room.settle();
    expect(await reported(room)).toMatchObject({ count: { treated: [0, 0], heldOut: [1, 2] } });
  });

  it('comes to an end where profiles went into each other, in a circle', async () => {
    const room = await world.start();
    const ids = ['ada', 'bob', 'cyd'].map((name) => world.people.add(name));
    for (const id of ids) await decided(id, startMs, ['count', 'chosen']);
    await room.settle();
    for (const [at, id] of ids.entries())
      await world.people.publish(
        world.people.change(id, { mergedInto: ids[(at + 1) % ids.length] as ProfileId }),
      );
    await room.settle();
    const dan = world.people.add('dan');
    await decided(dan, startMs, ['count', 'holdout']);
    await room.settle();
    expect(await reported(room)).toMatchObject({ count: { heldOut: [1, 0] } });
  });

  test('sums are the same after redelivery, restart and in any order of what is independent', async () => {
    const names = ['ada', 'bob', 'cyd', 'dan'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            who: fc.constantFrom(...names),
            what: fc.constantFrom('meet', 'buy', 'restart'),
            hours: fc.integer({ min: 0, max: 72 }),
            revenue: fc.integer({ min: 0, max: 500 }),
          }),
          { minLength: 5, maxLength: 30 },
        ),
        async (acts) => {
          const other = await openTemporaryRoom(book);
          const before = world;
          world = other;
          try {
            let room = await other.start();
            const first = new Map<string, number>();
            const orders: { who: string; atMs: number; revenue: number }[] = [];
            const ids = new Map(names.map((name) => [name, other.people.add(name)]));
            for (const { who, what, hours, revenue } of acts) {
              const id = ids.get(who) as ProfileId;
              const atMs = startMs + hours * hour;
              if (what === 'restart') {
                await room.stop();
                room = await other.start();
              } else if (what === 'meet') {
                await decided(id, atMs, ['revenue', who < 'c' ? 'chosen' : 'holdout']);
                first.set(who, Math.min(first.get(who) ?? Infinity, atMs));
              } else {
                await other.people.did(id, 'Order Completed', {
                  atMs,
                  properties: { revenue: revenue / 100 },
                });
                orders.push({ who, atMs, revenue });
              }
            }
            await room.settle();
            // By brute force from what was done.
            const arm = (inArm: (who: string) => boolean): [number, number] => {
              const members = [...first].filter(([who]) => inArm(who));
              const cents = members.flatMap(([who, firstMs]) =>
                orders
                  .filter((one) => one.who === who && one.atMs > firstMs && one.atMs <= firstMs + 2 * day)
                  .map(({ revenue }) => revenue),
              );
              return [members.length, cents.reduce((sum, one) => sum + one, 0) / 100];
            };
            expect((await reported(room))['revenue']).toEqual({
              treated: arm((who) => who < 'c'),
              heldOut: arm((who) => who >= 'c'),
            });
          } finally {
            world = before;
            await other.close();
          }
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe('the report', () => {
  const [count] = readTactics(book).byName.values();
  const arm = (people: number, buyers: number) => {
    let sums = noSums;
    for (let person = 0; person < people; person++)
      sums = withPerson(sums, person < buyers ? 1_000_000n : 0n, 1);
    return sums;
  };
  const verdict = (treated: [number, number], heldOut: [number, number]): string =>
    count === undefined ? '' : liftReport(count, arm(...treated), arm(...heldOut)).verdict;

  it('says in words what the interval allows', () => {
    expect(verdict([200, 20], [20, 1])).toBe('too few people yet: 20 in the smaller arm, 30 are needed');
    expect(verdict([900, 90], [100, 9])).toBe('not known yet');
    expect(verdict([20_000, 5000], [2000, 100])).toBe('reaches its target');
    expect(verdict([20_000, 500], [2000, 400])).toBe('does harm');
    expect(verdict([200_000, 10_000], [20_000, 1000])).toBe('stays below its target');
    expect(verdict([400_000, 24_000], [40_000, 1800])).toBe('works, but stays below its target');
    expect(verdict([20_000, 2000], [2000, 80])).toBe('works; whether it reaches its target is not known yet');
  });
});
