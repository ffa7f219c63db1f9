import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ingestionProto } from '@rapport/contracts';
import { identifier } from '@rapport/kernel';
import { accepted, epochMs, identified, membership, origin, profileId } from '../fixtures/events.js';
import { playbookOf } from '../fixtures/playbooks.js';
import { openTestRoom, type TestRoom } from '../fixtures/test-room.js';

const ada = profileId('ada');
const eve = profileId('eve');
const account = identifier('user_id', '42');
const email = identifier('email', 'eve@example.com');

let room: TestRoom;
/** What came to the front door, and whether it takes it. */
const door = { came: [] as ingestionProto.AcceptRequest[], accepts: true };

beforeAll(async () => {
  room = await openTestRoom(playbookOf([{ name: 'views', kind: 'count', on: { event: 'Viewed' } }], []));
  room.host.calls.provide(ingestionProto.IngestionServiceDefinition, {
    accept: (request: ingestionProto.AcceptRequest): Promise<ingestionProto.AcceptResponse> => {
      door.came.push(request);
      const verdict = door.accepts
        ? { accepted: true, messageId: 'm-consent', code: '', detail: '' }
        : { accepted: false, messageId: '', code: 'INGESTION_EVENT_INVALID', detail: 'not today' };
      return Promise.resolve({ results: [verdict] });
    },
  });
  await room.change([membership(ada, 1, [account, origin('ada')]), membership(eve, 1, [email])]);
  await room.identify([
    identified(accepted({ event: 'Viewed', messageId: 'm1', atMs: epochMs }), ada),
    identified(accepted({ event: 'Viewed', messageId: 'm2', atMs: epochMs + 1, origin: account }), ada),
    identified(accepted({ event: 'Viewed', messageId: 'm3', atMs: epochMs, origin: email }), eve),
  ]);
  await room.settle();
});
afterAll(() => room.close());

describe('SetConsent', () => {
  const choice = { person: 'anonymous_id:ada', purpose: 'marketing', granted: true, source: 'support' };

  it('goes through the front door as an event of the account, like every other choice', async () => {
    expect(await room.profiles.setConsent(choice)).toEqual({ messageId: 'm-consent' });
    expect(door.came.at(-1)?.events).toMatchObject([
      {
        userId: '42',
        anonymousId: '',
        type: 'track',
        event: 'Consent Granted',
        properties: { purpose: 'marketing', source: 'support' },
      },
    ]);
    await room.profiles.setConsent({ ...choice, granted: false });
    expect(door.came.at(-1)?.events).toMatchObject([{ userId: '42', event: 'Consent Revoked' }]);
  });

  it('names somebody who has neither account nor device by what there is', async () => {
    await room.profiles.setConsent({ ...choice, person: email });
    expect(door.came.at(-1)?.events).toMatchObject([
      { userId: '', anonymousId: '', context: { externalIds: [{ type: 'email', id: 'eve@example.com' }] } },
    ]);
  });

  it('refuses a purpose without a name, an unknown person, and says why the door refused', async () => {
    const came = door.came.length;
    for (const purpose of ['', 'x'.repeat(65)]) {
      await expect(room.profiles.setConsent({ ...choice, purpose })).rejects.toMatchObject({
        code: 'PROFILES_REQUEST_INVALID',
        message: 'purpose: expected 1 to 64 characters',
      });
    }
    await expect(room.profiles.setConsent({ ...choice, person: 'user_id:nobody' })).rejects.toMatchObject({
      code: 'PROFILES_PERSON_UNKNOWN',
    });
    expect(door.came).toHaveLength(came);
    door.accepts = false;
    await expect(room.profiles.setConsent(choice)).rejects.toMatchObject({
      code: 'PROFILES_CONSENT_REFUSED',
      message: 'the consent event was refused: INGESTION_EVENT_INVALID not today',
    });
    door.accepts = true;
  });
});

describe('reading over gRPC', () => {
  it('exports the profile first, then every event, the oldest first', async () => {
    const parts: { kind: string; json: string }[] = [];
    for await (const part of room.profiles.exportPerson({ person: account })) parts.push(part);
    expect(parts.map(({ kind }) => kind)).toEqual(['profile', 'event', 'event']);
    const [profile, ...events] = parts.map(({ json }) => JSON.parse(json) as Record<string, unknown>);
    expect(profile).toMatchObject({ profileId: ada, computedTraits: { views: 2 } });
    expect(events.map((event) => event['messageId'])).toEqual(['m1', 'm2']);
  });

  it('pages through a timeline, and refuses a cursor that is made up', async () => {
    const ask = { person: account, type: '', event: '', from: '', to: '', cursor: '', limit: 1 };
    const first = await room.profiles.getTimeline(ask);
    expect(first.events.map(({ messageId }) => messageId)).toEqual(['m2']);
    const second = await room.profiles.getTimeline({ ...ask, cursor: first.nextCursor });
    expect(second.events.map(({ messageId }) => messageId)).toEqual(['m1']);
    expect(second.nextCursor).toBe('');
    await expect(room.profiles.getTimeline({ ...ask, cursor: 'made up' })).rejects.toMatchObject({
      code: 'PROFILES_CURSOR_INVALID',
    });
  });

  it('answers features for those who are known, and says who is not', async () => {
    const persons = [account, 'user_id:nobody'];
    const all = await room.profiles.batchGetFeatures({ persons, features: [] });
    expect(all.rows).toEqual([
      { person: account, found: true, values: { views: 2 } },
      { person: 'user_id:nobody', found: false, values: {} },
    ]);
    const some = await room.profiles.batchGetFeatures({ persons: [account], features: ['other'] });
    expect(some.rows).toEqual([{ person: account, found: true, values: {} }]);
  });
});
