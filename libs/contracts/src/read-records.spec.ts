import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { readRecords, rejectionRecord, topics, type PlacedRecord, type TopicValues } from './index.js';

const recordOf = (topic: string, value: Uint8Array | null, offset = 7): PlacedRecord => ({
  topic,
  partition: 2,
  offset,
  key: 'k',
  value,
  headers: { ce_id: 'm1' },
});
const at = '2026-11-29T10:00:00.000Z';
const accepted = {
  type: 'track',
  messageId: 'm1',
  origin: 'user_id:1',
  identifiers: ['user_id:1'],
  event: 'Seen',
  timestamp: at,
  receivedAt: at,
  source: 'web',
};
const view = {
  profileId: 'p_1',
  identifiers: [],
  traits: {},
  computedTraits: {},
  segments: [{ name: 's', since: at }],
  consent: {},
};
/** One value of each topic that is in order. */
const good: Readonly<Record<keyof TopicValues, object>> = {
  'events.accepted.v1': accepted,
  'events.identified.v1': { ...accepted, profileId: 'p_1', acceptedAt: { partition: 0, offset: 1 } },
  'events.rejected.v1': { stage: 's', code: 'C', detail: '', rejectedAt: at, original: '' },
  'identity.changed.v1': {
    profileId: 'p_1',
    membershipVersion: 1,
    kind: 'linked',
    identifiers: ['user_id:1'],
    at,
    reason: '',
  },
  'profiles.changed.v1': {
    profileId: 'p_1',
    version: 1,
    asOf: at,
    transitions: [{ segment: 's', kind: 'entered', at }],
    events: [
      { type: 'track', event: 'Seen', messageId: 'm1', timestamp: at, receivedAt: at, properties: {} },
    ],
    view,
  },
  'messages.requested.v1': {
    messageId: 'm_1',
    profileId: 'p_1',
    channel: 'email',
    tactic: 't',
    variant: 'v',
    decisionId: 'd',
    to: 'a@b',
    content: {},
    requestedAt: at,
  },
  'deliveries.recorded.v1': {
    messageId: 'm_1',
    profileId: 'p_1',
    channel: 'email',
    outcome: 'sent',
    detail: '',
    attempts: 1,
    at,
  },
  'decisions.made.v1': {
    decisionId: 'd',
    profileId: 'p_1',
    at,
    candidates: [{ tactic: 't', outcome: 'chosen', reason: '' }],
  },
};
const names = Object.keys(good) as (keyof TopicValues)[];
const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value) ?? 'undefined');

describe('readRecords', () => {
  it.each(names)('%s: gives a value that is in order, and passes over tombstones', async (topic) => {
    const { read, refused } = await readRecords(topic, [
      recordOf(topic, null),
      recordOf(topic, bytesOf({ ...good[topic], more: 1 })),
    ]);
    expect([read.map(({ value }) => value), refused]).toEqual([[{ ...good[topic], more: 1 }], []]);
  });

  it.each(names)('%s: refuses anything else with its place, and never throws', async (topic) => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc.jsonValue().map(bytesOf),
          // One field of a good one is something else.
          fc
            .tuple(fc.constantFrom(...Object.keys(good[topic])), fc.jsonValue())
            .map(([field, value]) => bytesOf({ ...good[topic], [field]: value })),
        ),
        async (bytes) => {
          const { read, refused } = await readRecords(topic, [recordOf(topic, bytes)]);
          expect(read.length + refused.length).toBe(1);
          for (const rejection of refused) {
            expect(rejection).toMatchObject({
              code: 'RECORD_UNREADABLE',
              detail: expect.stringContaining('expected'),
              key: 'k',
              messageId: 'm1',
              position: { topic, partition: 2, offset: 7 },
            });
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses a profile that went into itself', async () => {
    for (const topic of ['identity.changed.v1', 'profiles.changed.v1'] as const) {
      const { profileId } = good[topic] as { profileId: string };
      const spoilt = recordOf(topic, bytesOf({ ...good[topic], mergedInto: profileId }));
      const { refused } = await readRecords(topic, [spoilt]);
      expect(refused.map(({ detail }) => detail)).toEqual([expect.stringContaining('another profile')]);
    }
  });

  it('refuses keys that no store can hold, in bytes', async () => {
    const long = 'é'.repeat(251);
    const spoilt: readonly (readonly [keyof TopicValues, object])[] = [
      ['events.accepted.v1', { origin: `user_id:${long}` }],
      ['events.accepted.v1', { identifiers: ['user_id:1', `email:${long}`] }],
      ['events.identified.v1', { profileId: long }],
      ['identity.changed.v1', { mergedInto: long }],
      ['profiles.changed.v1', { profileId: 'p_\u0000' }],
      ['messages.requested.v1', { messageId: long }],
      ['decisions.made.v1', { profileId: '\ud83d' }],
    ];
    for (const [topic, more] of spoilt) {
      const { refused } = await readRecords(topic, [recordOf(topic, bytesOf({ ...good[topic], ...more }))]);
      expect([topic, refused.length]).toEqual([topic, 1]);
    }
  });
});

describe('a rejection', () => {
  it('has one key and one id for one place and stage, and is cut', () => {
    const rejection = {
      code: 'C',
      detail: 'd'.repeat(5000),
      original: Buffer.from('é'.repeat(40_000)),
      position: { topic: topics.messagesRequested.name, partition: 1, offset: 2 },
    };
    const one = rejectionRecord('deliver', rejection, Date.parse(at));
    const other = rejectionRecord('deliver', rejection, Date.parse(at) + 1);
    expect([one.key, one.headers['ce_id']]).toEqual([
      'messages.requested.v1/1/2',
      'messages.requested.v1/1/2@deliver',
    ]);
    expect([other.key, other.headers['ce_id']]).toEqual([one.key, one.headers['ce_id']]);
    const told = JSON.parse(Buffer.from(one.value).toString('utf8')) as { original: string; detail: string };
    expect([Buffer.byteLength(told.original), told.detail.length]).toEqual([32 * 1024, 2000]);
  });
});
