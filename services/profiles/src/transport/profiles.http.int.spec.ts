import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHttpServer, Gate, guardRoutes } from '@rapport/service-host';
import type { FastifyInstance } from 'fastify';
import { accepted, dayMs, epochMs, identified, membership, origin, profileId } from '../fixtures/events.js';
import { playbookOf, segment } from '../fixtures/playbooks.js';
import { openTestRoom, type TestRoom } from '../fixtures/test-room.js';

const ada = profileId('ada');
const bob = profileId('bob');
const phone = origin('phone');
const iso = (instantMs: number): string => new Date(instantMs).toISOString();

let room: TestRoom;
let http: FastifyInstance;
let url: string;
/** What no route should ever throw. */
const bugs: unknown[] = [];

/** The room's routes as its host mounts them. */
async function mount(): Promise<void> {
  http = createHttpServer((thrown) => bugs.push(thrown));
  guardRoutes(http, { gate: new Gate({ credentials: { apiToken: 'token' } }) });
  await http.register(async (scope) => void (await room.room.routes?.(scope)));
  url = await http.listen({ host: '127.0.0.1', port: 0 });
}

/** What a route answers to somebody who has the token, or says something else. */
async function ask(
  path: string,
  authorization = 'Bearer token',
): Promise<{ status: number; text: string; json: <T>() => T }> {
  const response = await fetch(`${url}${path}`, { headers: { authorization } });
  const text = await response.text();
  return { status: response.status, text, json: <T>() => JSON.parse(text) as T };
}

const refusalOf = async (path: string): Promise<readonly [number, string, string]> => {
  const { status, json } = await ask(path);
  const { error } = json<{ error: { code: string; message: string } }>();
  return [status, error.code, error.message];
};

interface TimelineAnswer {
  readonly events: readonly { readonly messageId: string; readonly event?: string; readonly type: string }[];
  readonly nextCursor: string | null;
}

/** Every page of a timeline, as the message ids on each. */
async function pagesOf(path: string): Promise<readonly (readonly string[])[]> {
  const pages: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { status, json } = await ask(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    const page: TimelineAnswer = json();
    pages.push(page.events.map(({ messageId }) => messageId));
    cursor = page.nextCursor;
  }
  return pages;
}

beforeAll(async () => {
  room = await openTestRoom(
    playbookOf(
      [{ name: 'views', kind: 'count', on: { event: 'Viewed' } }],
      [segment('keen', { did: { event: 'Viewed', atLeast: 3 } })],
    ),
  );
  await mount();
  await room.change([membership(ada, 1, [origin('ada'), phone]), membership(bob, 1, [origin('bob')])]);
  const viewed = (number: number, parts = {}) =>
    accepted({
      event: 'Viewed',
      messageId: `view-${number}`,
      atMs: epochMs + number * 1000,
      properties: { product_id: `p${number}` },
      ...parts,
    });
  await room.identify([
    ...[0, 2, 4].map((number) => identified(viewed(number), ada)),
    ...[1, 3].map((number) => identified(viewed(number, { origin: phone }), ada)),
    identified(
      accepted({
        type: 'identify',
        messageId: 'who',
        atMs: epochMs + 5000,
        traits: { plan: 'pro' },
        context: { timezone: 'Europe/Vienna' },
      }),
      ada,
    ),
    identified(viewed(9, { origin: origin('bob'), messageId: 'bob-1' }), bob),
  ]);
  await room.settle(epochMs + dayMs);
});

afterAll(async () => {
  await http.close();
  await room.close();
  expect(bugs).toEqual([]);
});

describe('GET /v1/people/:person', () => {
  it('shows a person by any identifier and by profile id', async () => {
    const byId = await ask(`/v1/people/${ada}`);
    expect(byId.status).toBe(200);
    expect(byId.json()).toMatchObject({
      profileId: ada,
      identifiers: [
        { type: 'anonymous_id', value: 'ada' },
        { type: 'anonymous_id', value: 'phone' },
      ],
      traits: { plan: { value: 'pro', source: 'web', at: iso(epochMs + 5000), messageId: 'who' } },
      computedTraits: { views: 5 },
      segments: [{ name: 'keen' }],
      firstSeen: iso(epochMs),
      lastSeen: iso(epochMs + 5000),
      timezone: 'Europe/Vienna',
      settling: false,
    });
    for (const name of ['anonymous_id:ada', 'anonymous_id:phone'])
      expect((await ask(`/v1/people/${name}`)).text).toBe(byId.text);
  });

  it('asks for the token on every route', async () => {
    const paths = ['/v1/people/anonymous_id:ada', '/v1/people/anonymous_id:ada/timeline', '/v1/people'];
    for (const path of [...paths, '/v1/segments', '/v1/digest', '/v1/export/events']) {
      for (const authorization of ['', 'Bearer wrong', 'Basic token']) {
        const { status, text } = await ask(path, authorization);
        expect([path, status]).toEqual([path, 401]);
        expect(text).toContain('expected the header Authorization: Bearer');
        expect(text).not.toContain('view-');
      }
    }
  });

  it('says who is not known, and what a person is written like', async () => {
    expect(await refusalOf('/v1/people/user_id:nobody')).toEqual([
      404,
      'PROFILES_PERSON_UNKNOWN',
      'nobody is known by this identifier or profile id',
    ]);
    expect((await refusalOf(`/v1/people/${profileId('nobody')}`))[1]).toBe('PROFILES_PERSON_UNKNOWN');
    const [status, code, message] = await refusalOf('/v1/people/ada');
    expect([status, code]).toEqual([400, 'PROFILES_PERSON_INVALID']);
    expect(message).toContain('type:value');
  });
});

describe('GET /v1/people/:person/timeline', () => {
  const timeline = '/v1/people/anonymous_id:ada/timeline';
  const newestFirst = ['who', 'view-4', 'view-3', 'view-2', 'view-1', 'view-0'];

  it('shows the events of all origins together, newest first, as they were sent', async () => {
    const { json } = await ask(timeline);
    const { events, nextCursor } = json<TimelineAnswer>();
    expect(events.map(({ messageId }) => messageId)).toEqual(newestFirst);
    expect(nextCursor).toBeNull();
    expect(events[2]).toEqual({
      messageId: 'view-3',
      type: 'track',
      event: 'Viewed',
      timestamp: iso(epochMs + 3000),
      receivedAt: iso(epochMs + 3000),
      source: 'web',
      origin: phone,
      properties: { product_id: 'p3' },
    });
  });

  it.each([1, 2, 3, 4, 6])('gives the same in pages of %d, without doubles or gaps', async (limit) => {
    const pages = await pagesOf(`${timeline}?limit=${limit}`);
    expect(pages.flat()).toEqual(newestFirst);
    for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
  });

  it('filters by type, event and time: from is in, to is not', async () => {
    const range = `from=${iso(epochMs + 1000)}&to=${iso(epochMs + 4000)}`;
    expect((await pagesOf(`${timeline}?type=identify`)).flat()).toEqual(['who']);
    expect((await pagesOf(`${timeline}?event=Viewed&limit=2`)).flat()).toEqual(newestFirst.slice(1));
    expect((await pagesOf(`${timeline}?event=Bought`)).flat()).toEqual([]);
    expect((await pagesOf(`${timeline}?limit=2&${range}`)).flat()).toEqual(['view-3', 'view-2', 'view-1']);
  });

  it.each([
    ['limit=0', 'PROFILES_REQUEST_INVALID', 'limit: expected a whole number from 1 to 500; got "0"'],
    ['limit=many', 'PROFILES_REQUEST_INVALID', 'got "many"'],
    ['from=yesterday', 'PROFILES_REQUEST_INVALID', 'from: expected an ISO 8601 instant'],
    ['to=never', 'PROFILES_REQUEST_INVALID', 'to: expected an ISO 8601 instant'],
    ['cursor=made-up', 'PROFILES_CURSOR_INVALID', 'expected a cursor as the page before gave it'],
    [`cursor=${Buffer.from('[1,2]').toString('base64url')}`, 'PROFILES_CURSOR_INVALID', 'leave it out'],
  ])('refuses %s', async (query, code, part) => {
    const [status, refusal, message] = await refusalOf(`${timeline}?${query}`);
    expect([status, refusal]).toEqual([400, code]);
    expect(message).toContain(part);
  });
});

describe('segments over HTTP', () => {
  it('are listed with how many are in them', async () => {
    expect((await ask('/v1/segments')).json()).toMatchObject({ segments: [{ name: 'keen', members: 1 }] });
  });

  it('show their members', async () => {
    expect((await ask('/v1/people?segment=keen')).json()).toEqual({
      people: [{ profileId: ada }],
      nextCursor: null,
    });
    const page = (await ask('/v1/people?segment=keen&limit=1')).json<{ nextCursor: string }>();
    expect((await ask(`/v1/people?segment=keen&limit=1&cursor=${page.nextCursor}`)).json()).toEqual({
      people: [],
      nextCursor: null,
    });
  });

  it('are refused when they are not named or not known', async () => {
    expect((await refusalOf('/v1/people')).slice(0, 2)).toEqual([400, 'PROFILES_REQUEST_INVALID']);
    const [status, code, message] = await refusalOf('/v1/people?segment=lost');
    expect([status, code]).toEqual([404, 'PROFILES_SEGMENT_UNKNOWN']);
    expect(message).toContain('it has keen');
  });
});

describe('GET /v1/digest', () => {
  it('is one number for everybody that only events change', async () => {
    const at = iso(epochMs + dayMs);
    const one = (await ask(`/v1/digest?at=${at}`)).json<{ at: string; digest: string; people: number }>();
    expect(one).toEqual({ at, people: 2, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown });
    await room.restart();
    // The routes still belong to the room that was stopped.
    expect((await refusalOf('/v1/digest')).slice(0, 2)).toEqual([503, 'PROFILES_STARTING']);
    await http.close();
    await mount();
    await room.settle();
    expect((await ask('/v1/digest')).json()).toEqual(one);
    expect((await refusalOf('/v1/digest?at=now')).slice(0, 2)).toEqual([400, 'PROFILES_REQUEST_INVALID']);
  });
});

describe('GET /v1/export/events', () => {
  it('writes everybody with their events in the order of time, a JSON object a line', async () => {
    const { status, text } = await ask('/v1/export/events');
    expect(status).toBe(200);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; profileId: string; messageId?: string });
    const of = (id: string) => lines.filter(({ profileId }) => profileId === id);
    expect(of(ada)[0]).toMatchObject({
      kind: 'person',
      identifiers: ['anonymous_id:ada', 'anonymous_id:phone'],
    });
    expect(
      of(ada)
        .slice(1)
        .map(({ messageId }) => messageId),
    ).toEqual(['view-0', 'view-1', 'view-2', 'view-3', 'view-4', 'who']);
    expect(of(bob).map(({ kind }) => kind)).toEqual(['person', 'event']);
    expect(lines).toHaveLength(9);
  });
});

describe('what reads many events of one person', () => {
  const cyd = profileId('cyd');
  beforeAll(async () => {
    await room.change([membership(cyd, 1, [origin('cyd')])]);
    const events = Array.from({ length: 1_500 }, (_, number) =>
      accepted({
        origin: origin('cyd'),
        atMs: epochMs + number,
        event: 'Viewed',
        properties: { text: 'x'.repeat(1_000) },
      }),
    );
    await room.identify(events.map((event) => identified(event, cyd)));
    await room.room.settle();
  });

  it.each(['/v1/export/events', '/v1/people/anonymous_id:cyd/timeline?event=Nothing&limit=500'])(
    'leaves the event loop to others meanwhile: %s',
    async (path) => {
      let isOver = false;
      let longestMs = 0;
      let last = performance.now();
      const look = (): void => {
        longestMs = Math.max(longestMs, performance.now() - last);
        last = performance.now();
        if (!isOver) setImmediate(look);
      };
      setImmediate(look);
      const began = performance.now();
      expect((await ask(path)).status).toBe(200);
      isOver = true;
      // As a share of the work, so that a slow machine says the same.
      expect(longestMs).toBeLessThan((performance.now() - began) / 3);
    },
  );
});
