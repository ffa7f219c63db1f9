import { afterEach, describe, expect, it } from '@jest/globals';
import type { ProfileId } from '@rapport/kernel';
import type { Playbook } from '@rapport/playbook';
import { mailTactic, playbook } from './fixtures/definitions.js';
import { openDoor, type HttpDoor } from './fixtures/http-door.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';
import type { OrchestratorRoom } from './orchestrator.module.js';
import type { SunkMail } from './ports/mail-sink.js';

const minute = 60_000;
const day = 86_400_000;
let world: TemporaryRoom;
let room: OrchestratorRoom;
let door: HttpDoor;
afterEach(async () => {
  await door.close();
  await world.close();
});

const { consent: _none, ...free } = mailTactic('free');
const book: Playbook = playbook({
  tactics: [mailTactic('asks'), free],
  journeys: ['asks', 'free'].map((name) => ({
    name,
    title: name,
    version: 1,
    start: { event: name },
    steps: [{ name: 'one', send: name }],
    reentryAfter: '1m',
  })),
});
async function open(): Promise<void> {
  world = await openTemporaryRoom(book);
  room = await world.start();
  door = await openDoor(room);
}

const addresses = ['user_id:x', 'email:home@example.com'];
const linkOf = ({ headers }: SunkMail): string =>
  new URL(headers['list-unsubscribe']?.slice(1, -1) ?? 'http://no.link/').pathname;
const click = async (path: string): Promise<number> =>
  (
    await door.post(path, 'List-Unsubscribe=One-Click', {
      'content-type': 'application/x-www-form-urlencoded',
    })
  ).status;
/** The mails that an event of somebody's brings, two minutes later than whatever was before. */
async function mailsAfter(profileId: ProfileId, event: string): Promise<readonly SunkMail[]> {
  const newest = async (): Promise<readonly SunkMail[]> =>
    (await door.get<{ messages: SunkMail[] }>('/v1/mail?limit=1000')).body.messages;
  await world.advanceTo(room, world.clock.now() + 2 * minute);
  const before = (await newest()).length;
  await world.people.did(profileId, event);
  await room.settle();
  return (await newest()).slice(before);
}
/** What profiles show once the event has gone through. */
function folded(profileId: ProfileId, purpose: string, granted: boolean): void {
  const person = world.people.people.get(profileId);
  if (person === undefined) throw new Error(`${profileId} was not added`);
  person.consent[purpose] = granted;
  person.chosenAtMs[purpose] = world.clock.now();
}

describe('an unsubscribe link', () => {
  it('stops what it says from the moment it is used, before any profile shows it', async () => {
    await open();
    const ada = world.people.add('ada');
    for (const [event, purpose] of [
      ['asks', 'email_marketing'],
      ['free', 'marketing'],
    ] as const) {
      const [mail] = await mailsAfter(ada, event);
      expect(await click(linkOf(mail as SunkMail))).toBe(200);
      expect(world.people.unsubscribed.at(-1)).toMatchObject({ properties: { purpose } });
      expect(await mailsAfter(ada, event)).toEqual([]);
    }
  });

  it('gives one event, used 300 times at once and after another, and another one for another yes', async () => {
    await open();
    const ada = world.people.add('ada', { chosenAtMs: { email_marketing: startMs - day } });
    const [mail] = await mailsAfter(ada, 'asks');
    const link = linkOf(mail as SunkMail);
    const codes = await Promise.all(Array.from({ length: 250 }, async () => click(link)));
    for (let again = 0; again < 50; again++) codes.push(await click(link));
    expect(codes.filter((code) => code !== 200)).toEqual([]);
    expect(world.people.unsubscribed).toHaveLength(1);
    folded(ada, 'email_marketing', false);
    expect(await click(link)).toBe(200);
    expect(world.people.unsubscribed).toHaveLength(1);
    await world.advanceTo(room, world.clock.now() + minute);
    folded(ada, 'email_marketing', true);
    expect(await mailsAfter(ada, 'asks')).toHaveLength(1);
    expect(await click(link)).toBe(200);
    expect(world.people.unsubscribed).toHaveLength(2);
    expect(new Set(world.people.unsubscribed.map(({ messageId }) => messageId)).size).toBe(2);
    expect(await mailsAfter(ada, 'asks')).toEqual([]);
  });

  it('says what else to do once it is too old', async () => {
    await open();
    const ada = world.people.add('ada');
    const [mail] = await mailsAfter(ada, 'asks');
    const link = linkOf(mail as SunkMail);
    await world.advanceTo(room, Date.parse(mail?.at ?? '') + 399 * day);
    expect((await door.get(link, {})).status).toBe(200);
    await world.advanceTo(room, Date.parse(mail?.at ?? '') + 401 * day);
    const { status, body } = await door.get<string>(link, {});
    expect([status, body]).toEqual([410, expect.stringContaining('or write to shop@example.com')]);
    expect(await click(link)).toBe(410);
    expect(world.people.unsubscribed).toEqual([]);
  });

  it('holds for the mailbox, whoever has it, also after a restart', async () => {
    await open();
    const ada = world.people.add('ada', { identifiers: addresses });
    const bob = world.people.add('bob', {
      identifiers: ['user_id:bob'],
      traits: { email: ' Home@Example.COM ' },
    });
    const cyd = world.people.add('cyd');
    const [mail] = await mailsAfter(ada, 'asks');
    expect(await click(linkOf(mail as SunkMail))).toBe(200);
    expect(await mailsAfter(bob, 'asks')).toEqual([]);
    await door.close();
    await room.stop();
    room = await world.start();
    door = await openDoor(room);
    expect(await mailsAfter(bob, 'asks')).toEqual([]);
    expect(await mailsAfter(cyd, 'asks')).toHaveLength(1);
    // Bob says yes himself: his to say, for a mailbox that is his too.
    folded(bob, 'email_marketing', true);
    expect(await mailsAfter(bob, 'asks')).toHaveLength(1);
    expect(await mailsAfter(ada, 'asks')).toEqual([]);
  });
});

describe('an address that an operator took from somebody', () => {
  it('is not written to until it is given back', async () => {
    await open();
    const ada = world.people.add('ada', {
      identifiers: ['user_id:ada'],
      traits: { email: 'Ada@example.com' },
    });
    const tell = (kind: string, at: number): void => {
      const [from, to] = ['user_id:ada', 'email:ada@example.com'] as const;
      const when = new Date(startMs + at).toISOString();
      world.people.identityHistory.push({ kind, at: when, from, to, reason: '', profileId: ada });
    };
    tell('refuse', 0);
    expect(await mailsAfter(ada, 'asks')).toHaveLength(1);
    tell('unlink', 1);
    expect(await mailsAfter(ada, 'asks')).toEqual([]);
    tell('link', 2);
    expect(await mailsAfter(ada, 'asks')).toHaveLength(1);
  });
});

describe('a refusal by any other door', () => {
  it('holds for every mailbox of the person, and outlives a merge', async () => {
    await open();
    const ada = world.people.add('ada', { identifiers: [...addresses, 'email:work@example.com'] });
    const bob = world.people.add('bob', {
      identifiers: ['user_id:bob'],
      traits: { email: 'work@example.com' },
    });
    const cyd = world.people.add('cyd', { identifiers: ['user_id:cyd'] });
    folded(ada, 'email_marketing', false);
    await world.people.did(ada, 'Consent Revoked', { properties: { purpose: 'email_marketing' } });
    expect(await mailsAfter(bob, 'asks')).toEqual([]);
    await world.people.merge(bob, cyd);
    const known = world.people.people.get(cyd);
    if (known) known.traits = { email: 'Work@example.com' };
    expect(await mailsAfter(cyd, 'asks')).toEqual([]);
  });

  it('that a device merely carries is no word about the mailbox', async () => {
    await open();
    const ada = world.people.add('ada', { identifiers: addresses, consent: { email_marketing: false } });
    const bob = world.people.add('bob', {
      identifiers: ['user_id:bob'],
      traits: { email: 'home@example.com' },
    });
    await world.people.did(ada, 'Anything');
    expect(await mailsAfter(bob, 'asks')).toHaveLength(1);
  });
});
