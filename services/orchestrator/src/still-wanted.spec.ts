import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { topics, type DecisionRecord, type Delivery, type messagesProto } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import { mailTactic, playbook } from './fixtures/definitions.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';
import type { OrchestratorRoom } from './orchestrator.module.js';

const hour = 3_600_000;
const book = playbook({
  tactics: [
    mailTactic('reminder', {
      suppressIf: { event: 'Order Completed', within: '1d' },
      caps: [{ max: 1, per: '6h' }],
    }),
    mailTactic('other'),
  ],
  journeys: ['reminder', 'other'].map((name) => ({
    name,
    title: name,
    version: 1,
    start: { event: name },
    steps: [{ name: 'one', send: name }],
    reentryAfter: '1m',
  })),
});

/** A mail server that takes nothing until it is told to. */
let isWilling = false;
const taken: string[] = [];
let server: SMTPServer;
let world: TemporaryRoom;
let room: OrchestratorRoom;
let ada: ProfileId;

beforeEach(async () => {
  isWilling = false;
  taken.length = 0;
  server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    closeTimeout: 100,
    onRcptTo: (_address, _session, done) =>
      isWilling ? done() : done(Object.assign(new Error('not now'), { responseCode: 451 })),
    onData: (stream, session, done) => {
      stream.resume().once('end', () => {
        taken.push(session.envelope.rcptTo.map(({ address }) => address).join());
        done();
      });
    },
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.server.address() as AddressInfo;
  const environment = {
    RAPPORT_SMTP_URL: `smtp://127.0.0.1:${port}/?ignoreTLS=true`,
    RAPPORT_PUBLIC_URL: 'http://127.0.0.1:8080',
  };
  world = await openTemporaryRoom(book, { environment });
  room = await world.start();
  ada = world.people.add('ada');
});
afterEach(async () => {
  await world.close();
  await new Promise<void>((closed) => server.close(() => closed()));
});

const ends = async (): Promise<Delivery[]> => world.read<Delivery>(topics.deliveriesRecorded);
const known = (who: ProfileId) => {
  const person = world.people.people.get(who);
  if (person === undefined) throw new Error(`${who} was not added`);
  return person;
};

describe('a message that waits for its next try', () => {
  type Change = (person: ProfileId, name: string) => Promise<void> | void;
  const changes: readonly (readonly [what: string, change: Change, expected: string])[] = [
    ['nothing has changed', () => undefined, 'sent'],
    ['consent was taken back', (who) => void (known(who).consent['email_marketing'] = false), 'no_consent'],
    ['consent is no longer there', (who) => void delete known(who).consent['email_marketing'], 'no_consent'],
    [
      'another address was said, and the first one still identifies the person',
      (who) => void (known(who).traits['email'] = 'new@example.com'),
      'sent',
    ],
    [
      'the address is no longer theirs, and another was said',
      (who, name) => {
        known(who).identifiers = [`user_id:${name}`, 'email:new@example.com'];
        known(who).traits['email'] = 'new@example.com';
      },
      'address_gone',
    ],
    ['the address was taken back', (who) => void known(who).removedTraits.push('email'), 'address_gone'],
    [
      'another account with the same address said no',
      async (who, name) => {
        const other = world.people.add(`${name}-other`, {
          traits: { email: `${name.toUpperCase()}@example.com` },
          consent: { email_marketing: false },
          chosenAtMs: { email_marketing: world.clock.now() },
        });
        await world.people.did(other, 'Consent Revoked');
      },
      'no_consent',
    ],
    [
      'the address is gone',
      (who, name) => void (known(who).identifiers = [`user_id:${name}`]),
      'address_gone',
    ],
    ['the person was erased', (who) => void world.people.people.delete(who), 'person_unknown'],
    [
      'what the message asks for was done',
      async (who) => void (await world.people.did(who, 'Order Completed')),
      'suppressed',
    ],
    [
      'the profile went into another, which has the address now',
      async (who) => world.people.merge(who, world.people.add('elder')),
      'sent',
    ],
    [
      'the profile went into another, which gave no consent',
      async (who) => world.people.merge(who, world.people.add('silent', { consent: {} })),
      'no_consent',
    ],
  ];
  it('is looked at again, and goes only where nothing speaks against it by then', async () => {
    const names = changes.map((_, index) => `ada${index}`);
    for (const name of names) await world.people.did(world.people.add(name), 'reminder');
    await room.settle();
    expect(await ends()).toEqual([]);
    for (const [index, [, change]] of changes.entries())
      await change(`p_ada${index}` as ProfileId, `ada${index}`);
    isWilling = true;
    await world.advanceTo(room, startMs + hour);
    const { listMessages } = room.grpc[2]?.implementation as messagesProto.MessagesService;
    const { messages } = await listMessages.call(room.grpc[2]?.implementation, {
      filter: undefined,
      cursor: '',
      limit: 0,
    });
    const became = changes.map(([what], index) => {
      const [one, ...more] = messages.filter(({ profileId }) => profileId === `p_ada${index}`);
      expect(more).toEqual([]);
      return [what, one?.reason === '' ? one.state : one?.reason];
    });
    expect(became).toEqual(changes.map(([what, , expected]) => [what, expected]));
    expect([...taken].sort()).toEqual(
      changes
        .flatMap(([, , expected], index) => (expected === 'sent' ? [`ada${index}@example.com`] : []))
        .sort(),
    );
    expect((await ends()).filter(({ outcome }) => outcome !== 'sent').map(({ outcome }) => outcome)).toEqual(
      changes.filter(([, , expected]) => expected !== 'sent').map(() => 'cancelled'),
    );
  });

  it('uses the cap at the instant at which it is sent, not at which it was decided', async () => {
    await world.people.did(ada, 'reminder');
    await room.settle();
    isWilling = true;
    // The first place, of the decision at 0 h, moves to 5 h with the try.
    await world.advanceTo(room, startMs + 5 * hour);
    expect(taken).toHaveLength(1);
    await world.advanceTo(room, startMs + 8 * hour);
    await world.people.did(ada, 'reminder');
    await room.settle();
    expect(taken).toHaveLength(1);
    expect((await world.read<DecisionRecord>(topics.decisionsMade)).at(-1)?.candidates).toMatchObject([
      { outcome: 'capped' },
    ]);
    await world.advanceTo(room, startMs + 11 * hour);
    await world.people.did(ada, 'reminder');
    await room.settle();
    expect(taken).toHaveLength(2);
  });

  it('gives its place under the caps back when it is cancelled or has failed', async () => {
    await world.people.did(ada, 'reminder');
    await room.settle();
    known(ada).consent['email_marketing'] = false;
    await world.advanceTo(room, startMs + hour);
    known(ada).consent['email_marketing'] = true;
    isWilling = true;
    await world.people.did(ada, 'reminder');
    await room.settle();
    expect(taken).toHaveLength(1);
    expect((await ends()).map(({ outcome }) => outcome)).toEqual(['cancelled', 'sent']);
  });

  it('is known as failed to the timeline once, however often that is told', async () => {
    await world.people.did(ada, 'other');
    await room.settle();
    await world.advanceTo(room, startMs + 24 * hour);
    expect(await ends()).toMatchObject([{ outcome: 'failed' }]);
    const [end] = await ends();
    expect(world.people.unsubscribed).toMatchObject([
      {
        type: 'track',
        event: 'Message Failed',
        userId: 'ada',
        messageId: `failed.0.${end?.messageId ?? ''}`,
        properties: { messageId: end?.messageId, channel: 'email', tactic: 'other', reason: 'given_up' },
      },
    ]);
  });
});
