import { afterEach, describe, expect, it } from '@jest/globals';
import { topics, type decisionsProto, type DecisionRecord } from '@rapport/contracts';
import { playbook, tactic } from './fixtures/definitions.js';
import { Mortal } from './fixtures/dying-engines.js';
import { openDoor } from './fixtures/http-door.js';
import { openTemporaryRoom, startMs, type TemporaryRoom } from './fixtures/temporary-room.js';
import type { OrchestratorRoom } from './orchestrator.module.js';

const day = 86_400_000;
let world: TemporaryRoom;
afterEach(async () => {
  await world.close();
});

const serviceOf = (room: OrchestratorRoom): decisionsProto.DecisionsService =>
  room.grpc[0]?.implementation as decisionsProto.DecisionsService;

const ask = async (
  room: OrchestratorRoom,
  person: string,
  more: Partial<decisionsProto.DecideRequest> = {},
) => serviceOf(room).decide({ person, placement: 'home', candidates: [], context: undefined, ...more });

const outcomes = (answer: decisionsProto.DecideResponse): Record<string, string> =>
  Object.fromEntries(answer.candidates.map((one) => [one.tactic, one.outcome]));

describe('deciding', () => {
  it('sends every candidate away with a reason, each at the first step that ends it', async () => {
    world = await openTemporaryRoom(
      playbook({
        placements: [{ name: 'home' }, { name: 'cart' }],
        tactics: [
          tactic('no_consent', { consent: 'ads', segment: 'nobody' }),
          tactic('elsewhere', { placement: 'cart' }),
          tactic('not_in_segment', { segment: 'nobody' }),
          tactic('over', { schedule: { to: '2026-10-01T00:00:00Z' } }),
          tactic('bought', { suppressIf: { event: 'Order Completed', within: '7d' } }),
          tactic('bought_long_ago', { suppressIf: { event: 'Order Completed', within: '1d' }, priority: 1 }),
          tactic('withheld', { holdout: 1, priority: 9 }),
          tactic('full', { caps: [{ max: 1, per: '1d' }], priority: 8 }),
          tactic('best', { priority: 7 }),
        ],
      }),
    );
    const ada = world.people.add('ada');
    await world.people.did(ada, 'Order Completed', { atMs: startMs - 2 * day });
    const room = await world.start();
    const first = await ask(room, 'user_id:ada');
    expect(first).toMatchObject({ chosen: { tactic: 'full' }, rung: 'rule', holdout: true, propensity: 1 });
    const all = [...new Set(first.candidates.map(({ tactic: name }) => name)), 'elsewhere'];
    const answer = await ask(room, 'email:ada@example.com', { candidates: all });
    expect(outcomes(answer)).toEqual({
      no_consent: 'no_consent',
      elsewhere: 'not_eligible',
      not_in_segment: 'not_eligible',
      over: 'not_eligible',
      bought: 'suppressed',
      withheld: 'holdout',
      full: 'capped',
      best: 'chosen',
      bought_long_ago: 'outranked',
    });
    expect(answer.chosen?.content).toEqual({ headline: `best for ${ada}` });
    expect(answer.candidates.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining([
        'consent to ads was never given',
        'belongs to placement cart',
        'not in segment nobody',
        'outside its schedule (… to 2026-10-01T00:00:00Z)',
        'Order Completed at 2026-10-30T08:00:00.000Z, less than 7d ago',
        'in the 100 % from whom it is withheld',
        'tactic full: 1 of 1 per 1d used',
        'best goes first',
        'in segment everyone; first by priority 7',
      ]),
    );
  });

  it('keeps the whole decision in the ledger before it answers, and then on the topic', async () => {
    world = await openTemporaryRoom(
      playbook({ tactics: [tactic('scored', { rankBy: 'propensity' }), tactic('rule', { priority: 100 })] }),
    );
    world.people.add('ada');
    const room = await world.start();
    const answer = await ask(room, 'user_id:ada');
    const { decision: kept } = await serviceOf(room).explainDecision({ decisionId: answer.decisionId });
    await room.settle();
    const [record] = await world.read<DecisionRecord>(topics.decisionsMade);
    expect(kept).toEqual(record);
    expect(record).toMatchObject({
      decisionId: answer.decisionId,
      profileId: 'p_ada',
      person: 'user_id:ada',
      rung: 'model',
      versions: { playbook: 'test-1', model: 'propensity/7' },
      features: { orders_count: 3 },
      chosen: { tactic: 'scored' },
    });
    await serviceOf(room).recordOutcome({ decisionId: answer.decisionId, metric: 'purchase', value: 12 });
    const { decision } = await serviceOf(room).explainDecision({ decisionId: answer.decisionId });
    expect(decision).toEqual({
      ...record,
      outcomes: [{ metric: 'purchase', value: 12, at: new Date(startMs).toISOString() }],
    });
  });

  it('lets rules alone rank when no model answers', async () => {
    world = await openTemporaryRoom(
      playbook({ tactics: [tactic('scored', { rankBy: 'propensity' }), tactic('rule', { priority: 1 })] }),
    );
    world.people.score = undefined;
    world.people.add('ada');
    expect(await ask(await world.start(), 'user_id:ada')).toMatchObject({
      chosen: { tactic: 'rule' },
      rung: 'rule',
    });
  });

  it('gives strangers, and people for whom nothing is chosen, what the placement falls back to', async () => {
    world = await openTemporaryRoom(playbook({ tactics: [tactic('a', { segment: 'nobody' })] }));
    world.people.add('ada');
    const room = await world.start();
    const fallback = { chosen: { tactic: 'fallback', content: { headline: 'Welcome' } }, rung: 'fallback' };
    const stranger = await ask(room, 'anonymous_id:x');
    expect(stranger).toMatchObject(fallback);
    expect(stranger.candidates).toMatchObject([{ reason: 'nothing is known about this person' }]);
    expect(await ask(room, 'user_id:ada')).toMatchObject(fallback);
  });

  it('gives a person always the same variant, and says how likely it was', async () => {
    const variants = [
      { name: 'a', weight: 3, content: { headline: 'a' } },
      { name: 'b', content: { headline: 'b' } },
    ];
    world = await openTemporaryRoom(playbook({ tactics: [tactic('two', { variants })] }));
    const room = await world.start();
    const counts: Record<string, number> = {};
    const people = Array.from({ length: 400 }, (_, index) => world.people.add(`v${index}`));
    for (const answer of await Promise.all(people.map(async (person) => ask(room, person)))) {
      const variant = answer.chosen?.variant ?? '';
      expect(answer.propensity).toBe(variant === 'a' ? 0.75 : 0.25);
      counts[variant] = (counts[variant] ?? 0) + 1;
    }
    expect(counts['a']).toBeGreaterThan(260);
    expect(counts['b']).toBeGreaterThan(60);
  });

  it('goes without a tactic whose content cannot be rendered, before anything else is looked at', async () => {
    const broken = [{ name: 'x', content: { headline: '{% for i in (1..1000000000) %}x{% endfor %}' } }];
    world = await openTemporaryRoom(
      playbook({ tactics: [tactic('broken', { variants: broken, caps: [{ max: 1, per: '1d' }] })] }),
    );
    world.people.add('ada');
    const room = await world.start();
    for (let again = 0; again < 2; again++) {
      const answer = await ask(room, 'user_id:ada');
      expect(answer).toMatchObject({ rung: 'fallback', candidates: [{ outcome: 'not_eligible' }] });
      expect(answer.candidates[0]?.reason).toContain('variant x: its content cannot be rendered');
    }
  });

  it('says what is wrong with a request', async () => {
    world = await openTemporaryRoom(playbook({ tactics: [tactic('a')] }));
    const room = await world.start();
    const door = await openDoor(room);
    const refused = async (body: unknown, headers?: Record<string, string>) => {
      const answer = await door.post<{ error: { code: string } }>('/v1/decide', body, headers);
      return [answer.status, answer.body.error.code];
    };
    expect(await refused({ person: 'user_id:1', placement: 'home' }, {})).toEqual([
      401,
      'AUTH_TOKEN_MISSING',
    ]);
    expect(await refused({ person: 7, placement: 'home' })).toEqual([400, 'ORCHESTRATOR_REQUEST_INVALID']);
    expect(await refused([])).toEqual([400, 'ORCHESTRATOR_REQUEST_INVALID']);
    expect(await refused({ person: 'ada', placement: 'home' })).toEqual([400, 'IDENTIFIER_INVALID']);
    expect(await refused({ person: 'user_id:1', placement: 'x' })).toEqual([
      400,
      'ORCHESTRATOR_PLACEMENT_UNKNOWN',
    ]);
    expect(await refused({ person: 'user_id:1', placement: 'home', candidates: ['x'] })).toEqual([
      400,
      'ORCHESTRATOR_TACTIC_UNKNOWN',
    ]);
    const made = await door.post<{ decisionId: string }>('/v1/decide', {
      person: 'user_id:1',
      placement: 'home',
    });
    expect((await door.get(`/v1/decisions/${made.body.decisionId}`)).status).toBe(200);
    expect((await door.get('/v1/decisions/d_none')).status).toBe(404);
    await door.close();
  });
});

describe('a crash after the answer', () => {
  it('leaves no decision unpublished', async () => {
    world = await openTemporaryRoom(playbook({ tactics: [tactic('a')] }));
    world.people.add('ada');
    const mortal = new Mortal(Infinity, 'before');
    const dying = await world.start(mortal);
    await dying.settle();
    // Two writes are the ledger's, the third would be the topic's.
    mortal.diesAt = mortal.writes + 3;
    const answer = await ask(dying, 'user_id:ada');
    while (!mortal.isDead) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await world.read(topics.decisionsMade)).toEqual([]);
    await world.start();
    const [record, ...more] = await world.read<DecisionRecord>(topics.decisionsMade);
    expect([record?.decisionId, more]).toEqual([answer.decisionId, []]);
  });
});

describe('caps', () => {
  it('are exact when 200 decisions for one person are made at the same time, by two processes', async () => {
    world = await openTemporaryRoom(
      playbook({
        channels: [{ name: 'on_site', kind: 'on_site', caps: [{ max: 5, per: '1d' }] }],
        tactics: [
          tactic('first', { priority: 2, caps: [{ max: 3, per: '1d' }] }),
          tactic('second', { priority: 1, caps: [{ max: 4, per: 'calendar_day' }] }),
        ],
      }),
    );
    world.people.add('ada');
    const rooms = [await world.start(), await world.start()];
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) =>
        ask(rooms[index % 2] as OrchestratorRoom, 'user_id:ada'),
      ),
    );
    const shown = answers.map(({ chosen }) => chosen?.tactic);
    expect(shown.filter((name) => name === 'first')).toHaveLength(3);
    expect(shown.filter((name) => name === 'second')).toHaveLength(2);
    expect(shown.filter((name) => name === 'fallback')).toHaveLength(195);
    world.clock.advanceTo(startMs + day);
    expect((await ask(rooms[0] as OrchestratorRoom, 'user_id:ada')).chosen?.tactic).toBe('first');
  });

  it('do not count decisions that came to nothing', async () => {
    world = await openTemporaryRoom(
      playbook({ tactics: [tactic('only', { caps: [{ max: 1, per: '1d' }] })] }),
    );
    const ada = world.people.add('ada');
    const mortal = new Mortal(Infinity, 'before');
    const dying = await world.start(mortal);
    await dying.settle();
    // The first write reserves, the next two would be the ledger's.
    mortal.diesAt = mortal.writes + 2;
    await ask(dying, ada).then(
      () => expect('an answer').toBe('none'),
      (thrown: unknown) => expect(thrown).toBeInstanceOf(Error),
    );
    const room = await world.start();
    expect((await ask(room, ada)).chosen?.tactic).toBe('fallback');
    world.clock.advanceTo(startMs + 31_000);
    expect((await ask(room, ada)).chosen?.tactic).toBe('only');
    expect((await ask(room, ada)).chosen?.tactic).toBe('fallback');
  });
});
