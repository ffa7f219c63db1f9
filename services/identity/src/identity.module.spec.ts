import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify, type FastifyInstance } from 'fastify';
import {
  encodeJson,
  topics,
  type IdentifiedEvent,
  type IdentityChange,
  type RejectedEvent,
} from '@rapport/contracts';
import { openLmdbDocumentStore } from '@rapport/document-store';
import { openLmdbEventLog, type EventLog } from '@rapport/event-log';
import { RapportError, VirtualClock } from '@rapport/kernel';
import type { Playbook } from '@rapport/playbook';
import { createCalls, Gate, guardRoutes, type Host, type Room } from '@rapport/service-host';
import { createTelemetry } from '@rapport/telemetry';
import { profile, seen, startIso } from './fixtures/temporary-graph.js';
import { createIdentityRoom } from './identity.module.js';

const apiToken = 'token-of-the-test';
const folder = mkdtempSync(join(tmpdir(), 'rapport-identity-'));
const playbook: Playbook = {
  name: 'test',
  version: '1',
  holdout: 0,
  identity: { blockedValues: ['walk-in'] },
  trackingPlan: [],
  computedTraits: [],
  segments: [],
  tactics: [],
  journeys: [],
  placements: [],
  channels: [],
};
let run = 0;
let host: Host;
let room: Room;
let appended: string[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The log, and the order in which topics were appended to. */
function watched(log: EventLog): EventLog {
  return {
    ...bound(log),
    append: async (topic, records) => {
      const positions = await log.append(topic, records);
      for (const { key } of records) appended.push(`${topic} ${key}`);
      return positions;
    },
  };
}

function bound(log: EventLog): EventLog {
  return {
    ensureTopics: (contracts) => log.ensureTopics(contracts),
    append: (topic, records) => log.append(topic, records),
    consume: (options) => log.consume(options),
    read: (topic, partition, fromOffset, max) => log.read(topic, partition, fromOffset, max),
    bounds: (topic) => log.bounds(topic),
    groupLag: (group, names) => log.groupLag(group, names),
    partitionOf: (topic, key) => log.partitionOf(topic, key),
    maintain: () => log.maintain(),
    close: () => log.close(),
  };
}

/** Opens log, store and room on the folder of this run, as a start of the process does. */
async function open(): Promise<void> {
  const log = watched(await openLmdbEventLog({ path: join(folder, `log-${run}`) }));
  await log.ensureTopics(Object.values(topics));
  host = {
    clock: new VirtualClock(Date.parse(startIso)),
    random: Math.random,
    log,
    store: await openLmdbDocumentStore({ path: join(folder, `store-${run}`) }),
    telemetry: createTelemetry({ service: 'test', level: 'silent' }),
    playbook,
    credentials: { sources: new Map(), apiToken, generated: false },
    calls: createCalls({ addressOf: () => undefined, apiToken }),
    environment: {},
    loopback: true,
    httpUrl: () => 'http://127.0.0.1:8080',
  };
  room = createIdentityRoom(host);
  await room.start();
}

async function close(): Promise<void> {
  await room.stop();
  await host.log.close();
  await host.store.close();
}

beforeEach(async () => {
  run++;
  appended = [];
  await open();
});
afterEach(close);

async function accept(...events: object[]): Promise<void> {
  await host.log.append(
    topics.accepted.name,
    events.map((event) => ({
      key: 'origin' in event ? String(event.origin) : 'nobody',
      value: encodeJson(event),
      headers: { ce_id: 'messageId' in event ? String(event.messageId) : 'none' },
    })),
  );
}

async function readAll<T>(topic: string): Promise<T[]> {
  const all: T[] = [];
  for (let partition = 0; partition < topics.accepted.partitions; partition++) {
    for (const { value } of await host.log.read(topic, partition, 0, 10_000)) {
      all.push(JSON.parse(Buffer.from(value ?? []).toString('utf8')) as T);
    }
  }
  return all;
}

describe('the identity room', () => {
  it('tells who a person is before the first event of that person', async () => {
    await accept(seen(['user_id:1', 'anonymous_id:a'], 0));
    await room.settle();
    await accept(seen(['anonymous_id:a'], 1), seen(['user_id:2'], 2));
    await room.settle();
    const identified = await readAll<IdentifiedEvent>(topics.identified.name);
    expect(identified.map(({ origin, profileId }) => [origin, profileId]).sort()).toEqual([
      ['anonymous_id:a', profile('user_id:1')],
      ['user_id:1', profile('user_id:1')],
      ['user_id:2', profile('user_id:2')],
    ]);
    for (const { profileId } of identified) {
      const told = appended.indexOf(`${topics.identityChanged.name} ${profileId}`);
      expect(told).toBeGreaterThanOrEqual(0);
      expect(told).toBeLessThan(appended.indexOf(`${topics.identified.name} ${profileId}`));
    }
    const changes = await readAll<IdentityChange>(topics.identityChanged.name);
    expect(changes.filter(({ profileId }) => profileId === profile('user_id:1')).at(-1)).toMatchObject({
      identifiers: ['anonymous_id:a', 'user_id:1'],
    });
  });

  it('keeps the event as it came and adds whose it is and where it stood', async () => {
    const event = {
      ...seen(['user_id:1'], 0),
      properties: { text: 'ünï "}" \u2028', deep: { list: [1, {}] } },
    };
    await accept(event);
    await room.settle();
    const partition = host.log.partitionOf(topics.accepted.name, 'user_id:1');
    expect(await readAll(topics.identified.name)).toEqual([
      { ...event, profileId: profile('user_id:1'), acceptedAt: { partition, offset: 0 } },
    ]);
  });

  it('puts what is no event aside with its place and goes on', async () => {
    await accept(seen(['user_id:1'], 0));
    await host.log.append(topics.accepted.name, [
      { key: 'user_id:1', value: Buffer.from('{"origin":"user_id:1",') },
    ]);
    await accept(
      { ...seen(['user_id:1'], 1), timestamp: 'yesterday' },
      { ...seen(['user_id:1'], 1), identifiers: 'no' },
    );
    await accept(
      seen(['user_id:Walk-In', 'email:x@example.com'], 3),
      seen(['user_id:1', 'anonymous_id:"NULL"'], 2),
    );
    await room.settle();
    const rejected = await readAll<RejectedEvent>(topics.rejected.name);
    expect(rejected.map(({ code }) => code).sort()).toEqual([
      'IDENTITY_ORIGIN_BLOCKED',
      'RECORD_UNREADABLE',
      'RECORD_UNREADABLE',
      'RECORD_UNREADABLE',
    ]);
    const partition = host.log.partitionOf(topics.accepted.name, 'user_id:1');
    expect(rejected.find(({ original }) => original.endsWith(','))).toMatchObject({
      stage: 'identity',
      position: { topic: topics.accepted.name, partition, offset: 1 },
      original: '{"origin":"user_id:1",',
    });
    const identified = await readAll<IdentifiedEvent>(topics.identified.name);
    expect(identified.map(({ timestamp }) => timestamp)).toEqual([
      seen(['x:y'], 0).timestamp,
      seen(['x:y'], 2).timestamp,
    ]);
    const changes = await readAll<IdentityChange>(topics.identityChanged.name);
    expect(changes.every(({ identifiers }) => identifiers.length === 1)).toBe(true);
  });

  it('identifies the same way after a restart, from the store', async () => {
    await accept(seen(['user_id:1', 'anonymous_id:a'], 0));
    await room.settle();
    await close();
    await open();
    await accept(seen(['anonymous_id:a'], 5));
    await room.settle();
    const identified = await readAll<IdentifiedEvent>(topics.identified.name);
    expect(identified.map(({ profileId }) => profileId)).toEqual([
      profile('user_id:1'),
      profile('user_id:1'),
    ]);
  });
});

describe('what was left in a state that nobody can go on with', () => {
  it('is set aside at the start, told once, and stops no start and nobody else', async () => {
    await accept(seen(['user_id:1', 'anonymous_id:a'], 0), seen(['user_id:2'], 0));
    await room.settle();
    await close();
    const store = await openLmdbDocumentStore({ path: join(folder, `store-${run}`) });
    const people = await store.collection<{ unsettled?: number }>({
      name: 'identity.people',
      indexes: [{ name: 'unsettled', fields: ['unsettled'] }],
    });
    const known = await people.get('user_id:1');
    const plan = { kind: 'join', joins: null };
    await people.write([{ id: 'user_id:1', doc: { ...known?.doc, plan, unsettled: 1 } as object }]);
    await store.close();
    for (let start = 0; start < 2; start++) {
      await open();
      await accept(seen(['user_id:2', 'anonymous_id:b'], start + 1));
      await room.settle();
      const rejected = await readAll<RejectedEvent>(topics.rejected.name);
      expect(rejected.map(({ stage, code, document }) => [stage, code, document?.id])).toEqual([
        ['identity', 'DOCUMENT_UNUSABLE', 'user_id:1'],
      ]);
      if (start === 0) await close();
    }
    expect(await readAll<IdentifiedEvent>(topics.identified.name)).toHaveLength(4);
  });
});

describe('the doors of the identity room', () => {
  let http: FastifyInstance;
  let url: string;
  beforeEach(async () => {
    http = fastify();
    guardRoutes(http, { gate: new Gate({ credentials: { apiToken } }) });
    http.setErrorHandler((thrown, _request, reply) =>
      thrown instanceof RapportError ? reply.code(499).send({ code: thrown.code }) : reply.send(thrown),
    );
    await room.routes?.(http);
    url = await http.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => await http.close());

  const call = async (method: 'GET' | 'POST', path: string, body?: object, token = apiToken) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const request = { method, ...(body ? { headers, body: JSON.stringify(body) } : { headers }) };
    return (await (await fetch(url + path, request)).json()) as Record<string, unknown>;
  };

  it('answers graph, link, unlink, split and forget over HTTP, with the token only', async () => {
    expect(await call('GET', '/v1/identity/user_id:1', undefined, 'other')).toEqual({
      code: 'AUTH_TOKEN_UNKNOWN',
    });
    await accept(seen(['user_id:1', 'email:ada@example.com'], 0), seen(['anonymous_id:a/b c'], 0));
    await room.settle();
    const pair = { from: 'user_id:1', to: 'anonymous_id:a/b c', reason: 'test' };
    expect(await call('POST', '/v1/identity/link', pair)).toHaveProperty('profileId');
    const person = await call('GET', `/v1/identity/${encodeURIComponent('anonymous_id:a/b c')}`);
    expect(person).toMatchObject({
      identifiers: ['anonymous_id:a/b c', 'email:ada@example.com', 'user_id:1'],
      edges: [
        { kind: 'deterministic', source: 'web', count: 1, firstSeen: startIso },
        { kind: 'deterministic', source: 'api', count: 1 },
      ],
    });
    const { fromProfileId, toProfileId } = await call('POST', '/v1/identity/unlink', pair);
    expect(fromProfileId).not.toBe(toProfileId);
    expect(await call('POST', '/v1/identity/split', { person: 'email:ada@example.com' })).toHaveProperty(
      'profileId',
    );
    expect(await call('POST', '/v1/identity/forget', { person: 'user_id:1' })).toEqual({
      identifiers: ['user_id:1'],
    });
    expect(await call('GET', '/v1/identity/user_id:1')).toEqual({ code: 'IDENTITY_UNKNOWN' });
    expect(await call('GET', '/v1/identity/refusals')).toEqual({ refusals: [] });
    expect(await call('GET', '/v1/identity/nonsense')).toEqual({ code: 'IDENTIFIER_INVALID' });
  });
});
