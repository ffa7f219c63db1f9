import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RapportError, type Identifier } from '@rapport/kernel';
import { bruteForcePeople, type PairSeen } from './fixtures/brute-force-people.js';
import {
  openTestGraph,
  profile,
  seen,
  startIso,
  type TestGraph,
  type TestWorker,
} from './fixtures/temporary-graph.js';

const limits = { user_id: 1, email: 2, anonymous_id: 3 };
const id = (text: string): Identifier => text as Identifier;

let graph: TestGraph;
let run = 0;
beforeAll(async () => {
  graph = await openTestGraph({ limits });
});
afterAll(async () => await graph.close());

type Act =
  | { readonly kind: 'see'; readonly ids: readonly string[]; readonly minute: number }
  | { readonly kind: 'link' | 'unlink'; readonly pair: readonly [string, string] };

const names = [
  'user_id:1',
  'user_id:2',
  'user_id:3',
  'email:1@x.org',
  'email:2@x.org',
  'email:3@x.org',
].concat(['anonymous_id:1', 'anonymous_id:2', 'anonymous_id:3', 'anonymous_id:4']);
const some = (min: number, max: number) =>
  fc.uniqueArray(fc.constantFrom(...names), { minLength: min, maxLength: max });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('see' as const), ids: some(1, 3), minute: fc.nat(20) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('link' as const, 'unlink' as const, 'unlink' as const),
      pair: some(2, 2) as unknown as fc.Arbitrary<[string, string]>,
    }),
  },
);

/** What the operators' words do to the evidence, kept beside the graph. */
class Ledger {
  evidence: PairSeen[] = [];
  readonly taken = new Set<string>();
  readonly ids = new Set<string>();

  see(ids: readonly string[], minute: number): void {
    for (const it of ids) this.ids.add(it);
    for (const it of ids.slice(1)) {
      const pair = [ids[0] as string, it] as const;
      if (!this.taken.has(key(pair))) this.evidence.push({ pair, minute });
    }
  }

  people(): string[] {
    return bruteForcePeople([...this.ids], this.evidence, limits);
  }

  has(pair: readonly [string, string]): boolean {
    return this.evidence.some((it) => key(it.pair) === key(pair));
  }
}

const key = (pair: readonly [string, string]): string => [...pair].sort().join(' ');

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (thrown) {
    if (thrown instanceof RapportError) return thrown.code;
    throw thrown;
  }
}

const minuteOf = (atMs: number): number => (atMs - Date.parse(startIso)) / 60_000;

async function perform(it: Act, ledger: Ledger, worker: TestWorker): Promise<void> {
  graph.clock.advanceTo(graph.clock.now() + 60_000);
  if (it.kind === 'see') {
    await worker.identify([seen(it.ids, it.minute)]);
    return ledger.see(it.ids, it.minute);
  }
  const [from, to] = it.pair.map(id) as [Identifier, Identifier];
  if (it.kind === 'unlink') {
    const code = await codeOf(worker.change.unlink(from, to, 'test'));
    const isKnown = ledger.ids.has(from) && ledger.ids.has(to);
    const isTaken = ledger.taken.has(key(it.pair));
    expect(code).toBe(
      !isKnown ? 'IDENTITY_UNKNOWN' : ledger.has(it.pair) || isTaken ? undefined : 'IDENTITY_NOT_LINKED',
    );
    if (code !== undefined) return;
    ledger.evidence = ledger.evidence.filter(({ pair }) => key(pair) !== key(it.pair));
    ledger.taken.add(key(it.pair));
    return;
  }
  for (const name of it.pair) ledger.ids.add(name);
  const before = { evidence: [...ledger.evidence], isTaken: ledger.taken.delete(key(it.pair)) };
  const minute = minuteOf(graph.clock.now());
  ledger.evidence.push({ pair: it.pair, minute });
  const together = ledger.people().some((group) => it.pair.every((name) => group.split(' ').includes(name)));
  expect(await codeOf(worker.change.link(from, to, 'test'))).toBe(
    together ? undefined : 'IDENTITY_LINK_REFUSED',
  );
  if (together) return;
  ledger.evidence = before.evidence;
  if (before.isTaken) ledger.taken.add(key(it.pair));
}

describe('changing people', () => {
  it('gives the people of the oracle after any mix of events, links and unlinks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 20 }), async (acts) => {
        run++;
        graph.told.length = 0;
        const own = (name: string): string => name.replace(':', `:r${run}-`);
        // Some of the evidence lies ahead of the clock, as clients' clocks may.
        const startMinute = minuteOf(graph.clock.now());
        const ledger = new Ledger();
        const workers = [graph.worker(), graph.worker()];
        for (const [i, it] of acts.entries()) {
          const mine: Act =
            it.kind === 'see'
              ? { ...it, ids: it.ids.map(own), minute: startMinute + it.minute }
              : { ...it, pair: [own(it.pair[0]), own(it.pair[1])] };
          await perform(mine, ledger, workers[i % 2] as TestWorker);
        }
        expect(await graph.groups([...ledger.ids].map(id))).toEqual(ledger.people());
        const versions = new Map<string, number>();
        for (const { profileId, membershipVersion } of graph.told) {
          expect(membershipVersion).toBeGreaterThanOrEqual(versions.get(profileId) ?? 0);
          versions.set(profileId, membershipVersion);
        }
      }),
      {
        numRuns: 80,
        examples: [
          [
            // A link of two who are linked already, by evidence from ahead of the clock.
            [
              { kind: 'see', ids: ['user_id:1', 'email:2@x.org'], minute: 0 },
              { kind: 'see', ids: ['user_id:1', 'anonymous_id:3'], minute: 0 },
              { kind: 'see', ids: ['anonymous_id:3', 'email:1@x.org'], minute: 5 },
              { kind: 'link', pair: ['email:1@x.org', 'anonymous_id:3'] },
              { kind: 'see', ids: ['email:3@x.org', 'user_id:1'], minute: 5 },
            ],
          ],
        ],
      },
    );
  });
});

describe('one change', () => {
  it('restores by unlink what was before the link, and counts memberships on', async () => {
    const worker = graph.worker();
    graph.told.length = 0;
    await worker.identify([seen(['user_id:u1', 'anonymous_id:d1'], 0)]);
    graph.clock.advanceTo(graph.clock.now() + 1);
    await worker.identify([seen(['anonymous_id:d2', 'email:u1@x.org'], 0)]);
    await worker.change.link(id('user_id:u1'), id('anonymous_id:d2'), 'same person, said the support');
    expect((await worker.read.resolve(id('email:u1@x.org'))).profileId).toBe(profile('user_id:u1'));
    graph.clock.advanceTo(graph.clock.now() + 1);
    const { from, to } = await worker.change.unlink(id('anonymous_id:d2'), id('user_id:u1'), 'not so');
    expect([from, to]).toEqual(['email:u1@x.org', 'user_id:u1']);
    graph.clock.advanceTo(graph.clock.now() + 1);
    await worker.change.link(id('user_id:u1'), id('anonymous_id:d2'), 'after all');
    const toldOf = (name: string) =>
      graph.told
        .filter((it) => it.profileId === profile(name))
        .map((it) => [it.membershipVersion, it.kind, it.identifiers.length]);
    expect(toldOf('user_id:u1')).toEqual([
      [1, 'linked', 2],
      [2, 'merged', 4],
      [3, 'unlinked', 2],
      [4, 'merged', 4],
    ]);
    expect(toldOf('email:u1@x.org')).toEqual([
      [1, 'linked', 2],
      [2, 'merged', 0],
      [3, 'unlinked', 2],
      [4, 'merged', 0],
    ]);
    const { history } = await worker.read.graphOf(id('email:u1@x.org'));
    expect(history.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['link', 'seen together by web'],
      ['link', 'seen together by web'],
      ['link', 'same person, said the support'],
      ['unlink', 'not so'],
      ['link', 'after all'],
    ]);
  });

  it('does not let events join again what an operator took apart', async () => {
    const worker = graph.worker();
    await worker.identify([seen(['user_id:k1', 'anonymous_id:k'], 0)]);
    await worker.change.unlink(id('user_id:k1'), id('anonymous_id:k'), 'a kiosk');
    await graph.worker().identify([seen(['user_id:k1', 'anonymous_id:k'], 60 * 24 * 30)]);
    expect(await graph.groups([id('user_id:k1'), id('anonymous_id:k')])).toHaveLength(2);
    await worker.change.link(id('user_id:k1'), id('anonymous_id:k'), 'no kiosk');
    expect(await graph.groups([id('user_id:k1'), id('anonymous_id:k')])).toHaveLength(1);
  });

  it('says what joins two identifiers that have no evidence of their own', async () => {
    const worker = graph.worker();
    await worker.identify([
      seen(['user_id:p1', 'anonymous_id:p1'], 0),
      seen(['user_id:p1', 'email:p1@x.org'], 0),
    ]);
    await expect(worker.change.unlink(id('email:p1@x.org'), id('anonymous_id:p1'), 'why')).rejects.toThrow(
      /email:p1@x\.org – user_id:p1, anonymous_id:p1 – user_id:p1: unlink one of these/,
    );
  });

  it('splits an identifier off with all evidence that joins it', async () => {
    const worker = graph.worker();
    await worker.identify([
      seen(['user_id:s1', 'anonymous_id:s1', 'email:s1@x.org'], 0),
      seen(['anonymous_id:s1', 'email:s1@x.org'], 1),
    ]);
    await worker.change.split(id('anonymous_id:s1'), 'shared');
    expect(await graph.groups(['user_id:s1', 'anonymous_id:s1', 'email:s1@x.org'].map(id))).toEqual([
      'anonymous_id:s1',
      'email:s1@x.org user_id:s1',
    ]);
  });

  it('keeps one refusal per pair, and takes it back when what spoke against the link is gone', async () => {
    const worker = graph.worker();
    await worker.identify([seen(['user_id:f1', 'anonymous_id:f'], 0)]);
    for (const minute of [1, 2, 3]) await worker.identify([seen(['user_id:f2', 'anonymous_id:f'], minute)]);
    await graph.worker().identify([seen(['user_id:f2', 'anonymous_id:f'], 4)]);
    await worker.teller.settle();
    const refused = async () =>
      (await worker.read.refusals(100)).filter(({ from }) => from === 'anonymous_id:f');
    expect(await refused()).toMatchObject([
      { from: 'anonymous_id:f', to: 'user_id:f2', reason: expect.stringMatching(/at most 1 user_id/) },
    ]);
    const { history } = await worker.read.graphOf(id('user_id:f2'));
    expect(history.map(({ kind }) => kind)).toEqual(['refuse']);
    await worker.change.unlink(id('user_id:f1'), id('anonymous_id:f'), 'sold');
    await worker.teller.settle();
    expect(await graph.groups([id('user_id:f2'), id('anonymous_id:f')])).toHaveLength(1);
    expect(await refused()).toEqual([]);
  });

  it('forgets a person wholly, and counts on when an identifier comes back', async () => {
    const worker = graph.worker();
    await worker.identify([seen(['user_id:g1', 'anonymous_id:g', 'email:g1@x.org'], 0)]);
    await worker.identify([seen(['user_id:g2', 'anonymous_id:g'], 1)]);
    await worker.teller.settle();
    graph.told.length = 0;
    expect(await worker.change.forget(id('email:g1@x.org'))).toEqual([
      'anonymous_id:g',
      'email:g1@x.org',
      'user_id:g1',
    ]);
    expect(graph.told.at(-1)).toMatchObject({ kind: 'forgotten', identifiers: [], membershipVersion: 2 });
    expect(await codeOf(worker.read.resolve(id('user_id:g1')))).toBe('IDENTITY_UNKNOWN');
    const left = await worker.ports.people.scan('_id', { limit: 10_000 });
    const naming = left.filter((it) => /:g1\b|anonymous_id:g"/.test(JSON.stringify(it)));
    expect(naming).toEqual([]);
    await worker.identify([seen(['user_id:g1'], 5)]);
    expect(graph.told.at(-1)).toMatchObject({
      profileId: profile('user_id:g1'),
      membershipVersion: 3,
      kind: 'linked',
    });
  });

  it('refuses what cannot be done with a code that says why', async () => {
    const worker = graph.worker();
    await worker.identify([seen(['user_id:e1'], 0), seen(['user_id:e2'], 0)]);
    expect(await codeOf(worker.change.link(id('user_id:e1'), id('user_id:e2'), ''))).toBe(
      'IDENTITY_LINK_REFUSED',
    );
    expect(await codeOf(worker.change.link(id('user_id:e1'), id('user_id:e1'), ''))).toBe(
      'IDENTITY_SAME_IDENTIFIER',
    );
    expect(await codeOf(worker.change.link(id('user_id:e1'), id('email:null'), ''))).toBe('IDENTITY_BLOCKED');
    expect(await codeOf(worker.change.forget(id('user_id:never')))).toBe('IDENTITY_UNKNOWN');
  });
});
