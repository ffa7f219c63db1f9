import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeJson, topics, type DecisionRecord, type RejectedEvent } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import type { JourneyDefinition } from '@rapport/playbook';
import { decisionCollection, unpublishedCollection } from './adapters/document-decision-ledger.js';
import { deliveryCollection } from './adapters/document-delivery-store.js';
import { journeyCollection } from './adapters/document-journey-store.js';
import { outcomeCollection } from './adapters/document-lift-store.js';
import {
  liftReport,
  noSums,
  outcomeOf,
  withGoalEvent,
  withPerson,
  type PersonOutcomes,
} from './domain/lift.js';
import { readTactics } from './domain/tactics.js';
import { mailTactic, playbook, tactic } from './fixtures/definitions.js';
import { openDoor } from './fixtures/http-door.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';
import type { OrchestratorRoom } from './orchestrator.module.js';

const hour = 3_600_000;
const cart: JourneyDefinition = {
  name: 'cart',
  title: 'cart',
  version: 1,
  start: { event: 'Product Added' },
  steps: [{ name: 'remind', wait: '1h', send: 'reminder' }],
};
const revenue = tactic('revenue', {
  goal: { event: 'Order Completed', metric: 'sum', property: 'revenue', within: '2d', target: 1 },
});
const book = playbook({ tactics: [revenue, mailTactic('reminder')], journeys: [cart] });

let world: TemporaryRoom;
beforeEach(async () => {
  world = await openTemporaryRoom(book);
});
afterEach(async () => {
  await world.close();
});

async function decided(profileId: ProfileId): Promise<void> {
  const record: DecisionRecord = {
    decisionId: `d_${profileId}`,
    profileId,
    person: profileId,
    placement: 'home',
    at: new Date(startMs).toISOString(),
    chosen: null,
    candidates: [{ tactic: 'revenue', outcome: 'chosen', reason: '' }],
    propensity: 1,
    holdout: false,
    rung: 'none',
    versions: { playbook: '', profile: 1 },
    features: {},
  };
  await world.log.append(topics.decisionsMade.name, [{ key: profileId, value: encodeJson(record) }]);
}

async function treated(room: OrchestratorRoom): Promise<{ people: number; mean: number } | undefined> {
  const door = await openDoor(room);
  const { body } = await door.get<{
    tactics: { tactic: string; treated: { people: number; mean: number } }[];
  }>('/v1/tactics');
  await door.close();
  return body.tactics.find((one) => one.tactic === 'revenue')?.treated;
}

const lagOf = (): Promise<number> =>
  world.log.groupLag('journeys', [topics.profilesChanged.name, topics.decisionsMade.name]);

describe('amounts', () => {
  it('that no sum can carry count as nothing, now and after a restart', async () => {
    const ada = world.people.add('ada');
    await decided(ada);
    world.clock.advanceTo(startMs + hour);
    let room = await world.start();
    for (const amount of [1e303, '1e303', -1e308, 2.5])
      await world.people.did(ada, 'Order Completed', { properties: { revenue: amount } });
    await room.settle();
    expect([await treated(room), await lagOf()]).toEqual([{ people: 1, mean: 2.5 }, 0]);
    await room.stop();
    room = await world.start();
    await world.people.did(ada, 'Order Completed', { properties: { revenue: 1 } });
    await room.settle();
    expect([await treated(room), await lagOf()]).toEqual([{ people: 1, mean: 3.5 }, 0]);
  });

  it('of the whole range that the door takes sum up exactly in any order, and give figures', () => {
    const [read] = readTactics(book).byName.values();
    if (read === undefined) throw new Error('the playbook has a tactic');
    const amounts = fc.oneof(
      fc.double({ min: -9.99e20, max: 9.99e20, noNaN: true }),
      fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100),
    );
    const summed = (values: readonly number[]): PersonOutcomes =>
      values.reduce<PersonOutcomes>(
        (state, value, n) =>
          withGoalEvent(
            state,
            {
              event: 'Order Completed',
              messageId: `${value}/${n}`,
              atMs: startMs + 1,
              properties: { revenue: value },
            },
            [read],
          ),
        {
          profileId: 'p_a' as ProfileId,
          partition: 0,
          exposures: { revenue: { arm: 'treated', firstMs: startMs, hits: [] } },
        },
      );
    const outcome = (person: PersonOutcomes): bigint => {
      const { revenue: exposure } = person.exposures;
      return exposure === undefined ? 0n : outcomeOf(exposure);
    };
    fc.assert(
      // More than a person's document lists one by one.
      fc.property(fc.array(amounts, { minLength: 195, maxLength: 215 }), (values) => {
        const forward = outcome(summed(values));
        expect(outcome(summed([...values].reverse()))).toBe(forward);
        const sums = withPerson(withPerson(noSums, forward, 1), -forward, 1);
        const { treated: arm, lift, low, high } = liftReport(read, sums, sums);
        for (const figure of [arm.mean, lift, low, high]) expect(Number.isFinite(figure)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

describe('decisions that the log can never take', () => {
  it('hold up neither a start nor the decisions beside them', async () => {
    const ledger = await world.store.collection(decisionCollection);
    const marks = await world.store.collection(unpublishedCollection);
    for (const [id, profileId] of [
      ['d_1', 'p_1'],
      ['d_2', 'p_'.padEnd(2000, '2')],
      ['d_3', 'p_3'],
    ] as const) {
      const record = { decisionId: id, profileId, at: new Date(startMs).toISOString(), candidates: [] };
      await ledger.write([{ id, doc: { record: JSON.stringify(record), tactic: null } }]);
      await marks.write([{ id, doc: { at: record.at } }]);
    }
    const room = await world.start();
    await room.settle();
    const published = await world.read<DecisionRecord>(topics.decisionsMade);
    expect(published.map(({ decisionId }) => decisionId).sort()).toEqual(['d_1', 'd_3']);
    expect(await world.read(topics.rejected)).toMatchObject([
      { stage: 'decisions', document: { collection: 'decisions', id: 'd_2' } },
    ]);
    await room.stop();
    expect(await marks.count()).toBe(0);
  });
});

describe('stored documents that cannot be gone on with', () => {
  it('stop themselves and not their partition, and are told once, also after a restart', async () => {
    const ids = ['ada', 'bob', 'cy', 'di', 'ed', 'flo'].map((name) => world.people.add(name));
    const [ada, bob, cy, di, ed] = ids as [ProfileId, ProfileId, ProfileId, ProfileId, ProfileId];
    const partition = world.log.partitionOf(topics.profilesChanged.name, ada);
    const outcomes = await world.store.collection(outcomeCollection);
    const journeys = await world.store.collection(journeyCollection);
    const deliveries = await world.store.collection(deliveryCollection);
    const metWith = (profileId: ProfileId, micros: number) => ({
      id: profileId,
      doc: {
        profileId,
        partition,
        exposures: {
          revenue: { arm: 'treated' as const, firstMs: startMs - 1, hits: [['m', startMs, micros]] as never },
        },
      },
    });
    await outcomes.write([metWith(ada, 2_500_000), metWith(bob, Infinity)]);
    const waiting = (profileId: ProfileId, more: object) => ({
      id: profileId,
      doc: {
        profileId,
        partition,
        version: 0,
        asOfMs: 0,
        instances: [],
        starts: {},
        ...more,
      } as never,
    });
    const instance = {
      id: 'cart:cy:m',
      journey: 'cart',
      version: 1,
      exitOn: [],
      step: 0,
      state: 'waiting',
      startedMs: startMs,
      startedEventMs: startMs,
      dueMs: startMs,
      reason: '',
      history: [],
    };
    await journeys.write([
      waiting(cy, { dueMs: startMs, instances: [{ ...instance, steps: null }] }),
      waiting(di, {
        unpublished: partition,
        outbox: {
          decisions: [],
          messages: [{ messageId: 'm_large', profileId: di, content: 'x'.repeat(1_100_000) }],
        },
      }),
    ]);
    const ended = (messageId: string, atMs: number) => ({
      id: messageId,
      doc: {
        messageId,
        profileId: ed,
        channel: 'email',
        partition,
        tactic: 'reminder',
        destination: 'x.example',
        state: 'sent' as const,
        attempts: 1,
        detail: '',
        sinceMs: startMs,
        atMs,
        replays: 0,
        unrecorded: partition,
      },
    });
    await deliveries.write([ended('m_good', startMs), ended('m_never', 9e15)]);

    let room = await world.start();
    await world.people.did(ed, 'Product Added');
    await world.advanceTo(room, startMs + 2 * hour);
    const rejected = await world.read<RejectedEvent>(topics.rejected);
    expect(
      rejected.map(({ stage, code, document }) => [stage, code, document?.collection, document?.id]).sort(),
    ).toEqual(
      [
        ['deliver', 'DOCUMENT_UNUSABLE', 'deliveries', 'm_never'],
        ['journeys', 'DOCUMENT_UNUSABLE', 'journeys', cy],
        ['journeys', 'DOCUMENT_UNUSABLE', 'journeys', di],
        ['journeys', 'DOCUMENT_UNUSABLE', 'lift_outcomes', bob],
      ].sort(),
    );
    expect(rejected.find(({ document }) => document?.id === bob)?.original).toContain('"Infinity"');
    expect([await treated(room), await lagOf()]).toEqual([{ people: 1, mean: 2.5 }, 0]);
    const recorded = await world.read<{ messageId: string }>(topics.deliveriesRecorded);
    expect(recorded.map(({ messageId }) => messageId)).toContain('m_good');
    expect(await world.read(topics.messagesRequested)).toMatchObject([{ profileId: ed, tactic: 'reminder' }]);
    await room.stop();
    room = await world.start();
    await decided(bob);
    await world.people.did(bob, 'Order Completed', { properties: { revenue: 7 } });
    await room.settle();
    expect(await world.read(topics.rejected)).toHaveLength(rejected.length);
    expect([await treated(room), await lagOf()]).toEqual([{ people: 1, mean: 2.5 }, 0]);
  });
});
