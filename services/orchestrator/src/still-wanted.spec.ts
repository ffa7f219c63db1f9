import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { topics, type DecisionRecord, type Delivery } from '@rapport/contracts';
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
const known = () => {
  const person = world.people.people.get(ada);
  if (person === undefined) throw new Error('Ada was not added');
  return person;
};

describe('a message that waits for its next try', () => {
  const changes: readonly (readonly [string, () => Promise<void> | void, string])[] = [
    ['nothing has changed', () => undefined, 'sent'],
    ['consent was taken back', () => void (known().consent['email_marketing'] = false), 'no_consent'],
    ['consent is no longer there', () => void delete known().consent['email_marketing'], 'no_consent'],
    [
      'another address was said, and the first one still identifies the person',
      () => void (known().traits['email'] = 'new@example.com'),
      'sent',
    ],
    [
      'the address is no longer theirs, and another was said',
      () => {
        known().identifiers = ['user_id:ada', 'email:new@example.com'];
        known().traits['email'] = 'new@example.com';
      },
      'address_gone',
    ],
    ['the address was taken back', () => void known().removedTraits.push('email'), 'address_gone'],
    [
      'another account with the same address said no',
      async () => {
        const bob = world.people.add('bob', {
          traits: { email: 'ADA@example.com' },
          consent: { email_marketing: false },
          chosenAtMs: { email_marketing: world.clock.now() },
        });
        await world.people.did(bob, 'Consent Revoked');
      },
      'no_consent',
    ],
    ['the address is gone', () => void (known().identifiers = ['user_id:ada']), 'address_gone'],
    ['the person was erased', () => void world.people.people.delete(ada), 'person_unknown'],
    [
      'what the message asks for was done',
      async () => void (await world.people.did(ada, 'Order Completed')),
      'suppressed',
    ],
    [
      'the profile went into another, which has the address now',
      async () => world.people.merge(ada, world.people.add('elder')),
      'sent',
    ],
    [
      'the profile went into another, which gave no consent',
      async () => world.people.merge(ada, world.people.add('elder', { consent: {} })),
      'no_consent',
    ],
  ];
  it.each(changes)('when %s', async (_what, change, expected) => {
    await world.people.did(ada, 'reminder');
    await room.settle();
    expect(await ends()).toEqual([]);
    await change();
    isWilling = true;
    await world.advanceTo(room, startMs + hour);
    const [end, ...more] = await ends();
    expect(more).toEqual([]);
    expect(end).toMatchObject({ outcome: expected === 'sent' ? 'sent' : 'cancelled' });
    expect(taken).toEqual(expected === 'sent' ? ['ada@example.com'] : []);
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
    known().consent['email_marketing'] = false;
    await world.advanceTo(room, startMs + hour);
    known().consent['email_marketing'] = true;
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
