import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AcceptedEvent, ProfileChange } from '@rapport/contracts';
import type { Origin, ProfileId } from '@rapport/kernel';
import { profileEventOf, type ProfileEvent } from './domain/profile-event.js';
import { BruteForcePerson } from './fixtures/brute-force-person.js';
import { accepted, origin } from './fixtures/events.js';
import { everyKind } from './fixtures/every-kind.js';
import { IdentityPlay } from './fixtures/identity-play.js';
import { openTestRoom, type TestRoom } from './fixtures/test-room.js';

type Act =
  | {
      readonly kind: 'event';
      readonly who: number;
      readonly product: string;
      readonly bought: boolean;
      readonly lagging: boolean;
    }
  | { readonly kind: 'repeat'; readonly which: number; readonly again: 'client' | 'identity' }
  | { readonly kind: 'merge'; readonly one: number; readonly other: number }
  | { readonly kind: 'split'; readonly who: number }
  | { readonly kind: 'settle' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart' };

const people = 4;
const who = fc.nat({ max: people - 1 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      who,
      product: fc.constantFrom('p1', 'p2', 'p3'),
      bought: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      lagging: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('repeat' as const),
      which: fc.nat(),
      again: fc.constantFrom('client' as const, 'identity' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('merge' as const), one: who, other: who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('split' as const), who }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'settle' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 25 }) }),
  },
);
const acts = (more: readonly { weight: number; arbitrary: fc.Arbitrary<Act> }[] = []) =>
  fc.array(fc.oneof({ weight: 24, arbitrary: act }, ...more), { minLength: 5, maxLength: 60 });

/** Plays acts in a room that many runs share: people have names of their own per run. */
class Play {
  static #runs = 0;
  readonly #run = Play.#runs++;
  readonly #identity: IdentityPlay;
  readonly #sent: AcceptedEvent[] = [];
  #accepted = this.#run * 1_000_000;

  constructor(readonly room: TestRoom) {
    this.#identity = new IdentityPlay(room.owners);
  }

  async play(all: readonly Act[]): Promise<void> {
    for (const one of all) await this.#act(one);
  }

  async #act(one: Act): Promise<void> {
    if (one.kind === 'event') await this.#event(one);
    else if (one.kind === 'repeat') await this.#repeat(one);
    else if (one.kind === 'merge')
      await this.room.change(this.#now(this.#identity.merge(this.#origin(one.one), this.#origin(one.other))));
    else if (one.kind === 'split') {
      // Out of a merged person, mostly back to whom it was before.
      await this.room.change(this.#now(this.#identity.split(this.#origin(one.who), this.#name(one.who))));
    } else if (one.kind === 'wait') this.room.clock.advanceTo(this.room.clock.now() + one.ms);
    else if (one.kind === 'restart') await this.room.restart();
    else await this.settle();
  }

  async #event({ who: index, product, bought, lagging }: Extract<Act, { kind: 'event' }>): Promise<void> {
    await this.room.change(this.#now(this.#identity.appear(this.#origin(index), this.#name(index))));
    const event = accepted({
      origin: this.#origin(index),
      event: bought ? 'Bought' : 'Viewed',
      properties: bought ? { lines: [{ product }] } : { product, price: 1.25 },
      atMs: this.room.clock.now(),
    });
    this.#sent.push(event);
    await this.room.identify([this.#identity.identify(event, this.#accepted++, lagging)]);
  }

  async #repeat({ which, again }: Extract<Act, { kind: 'repeat' }>): Promise<void> {
    const event = this.#sent[which % Math.max(1, this.#sent.length)];
    if (event === undefined) return;
    // The identity room repeats what it may not have told, with the place that the event always had.
    const place = again === 'client' ? this.#accepted++ : this.#run * 1_000_000 + this.#sent.indexOf(event);
    await this.room.identify([this.#identity.identify(event, place, false)]);
  }

  /** Also where writes fail: what failed is tried again. */
  async settle(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        return await this.room.settle();
      } catch (thrown) {
        if (!String(thrown).includes('injected fault')) throw thrown;
      }
    }
    throw new Error('the room did not settle');
  }

  /** Everybody is what the raw events of the origins say; every event was told once; segments follow from what was told. */
  async check(): Promise<void> {
    const changes = (await this.room.changes()).filter(isNewVersion());
    const told = new Map<string, number>();
    for (const { events } of changes)
      for (const { messageId } of events) told.set(messageId, (told.get(messageId) ?? 0) + 1);
    for (const owner of this.#identity.people()) {
      const members = this.#identity.members(owner);
      const events = this.#sent.filter((event) => members.includes(event.origin)).map(read);
      const profile = await this.room.profile(members[0] ?? '');
      const oracle = new BruteForcePerson(everyKind, events, this.room.clock.now());
      expect({
        owner: profile.profileId,
        members: profile.identifiers,
        settling: profile.settling,
        computed: profile.computedTraits,
        segments: profile.segments.map(({ name }) => name),
      }).toEqual({
        owner,
        members: [...members].sort(),
        settling: false,
        computed: oracle.computed(),
        segments: oracle.segments().sort(),
      });
      expect(heldBy(changes, owner)).toEqual(oracle.segments().sort());
    }
    expect(Object.fromEntries(told)).toMatchObject(
      Object.fromEntries(this.#sent.map(({ messageId }) => [messageId, 1])),
    );
  }

  #now<T extends { readonly at: string }>(changes: readonly T[]): readonly T[] {
    return changes.map((change) => ({ ...change, at: new Date(this.room.clock.now()).toISOString() }));
  }

  #name(index: number): string {
    return `run${this.#run}-${index}`;
  }

  #origin(index: number): Origin {
    return origin(this.#name(index));
  }
}

const read = (event: AcceptedEvent): ProfileEvent => {
  const found = profileEventOf(event);
  if (found === undefined) throw new Error('no instants');
  return found;
};

/** What every consumer does: drops what it has seen by profile and version. */
function isNewVersion(): (change: ProfileChange) => boolean {
  const versions = new Map<ProfileId, number>();
  return ({ profileId, version }) => {
    if ((versions.get(profileId) ?? 0) >= version) return false;
    versions.set(profileId, version);
    return true;
  };
}

/** The segments that somebody entered and did not leave, as told. */
function heldBy(changes: readonly ProfileChange[], owner: ProfileId): readonly string[] {
  const held = new Set<string>();
  for (const { transitions } of changes.filter(({ profileId }) => profileId === owner)) {
    for (const { segment, kind } of transitions) {
      // Nobody enters twice or leaves where they are not.
      expect(held.has(segment)).toBe(kind === 'left');
      if (kind === 'entered') held.add(segment);
      else held.delete(segment);
    }
  }
  return [...held].sort();
}

describe('profiles under merges, splits and faults', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openTestRoom(everyKind);
  });
  afterAll(async () => {
    await room.close();
  });

  it('are what the events of their origins say, whoever they were identified under, and tell each event once', async () => {
    await fc.assert(
      fc.asyncProperty(acts(), async (all) => {
        const play = new Play(room);
        await play.play(all);
        await play.settle();
        await play.check();
      }),
      { numRuns: 25 },
    );
  });

  it('come to the same when writes fail before and after they are done, and the room starts again in between', async () => {
    const restarts = [{ weight: 1, arbitrary: fc.constant<Act>({ kind: 'restart' }) }];
    await fc.assert(
      fc.asyncProperty(acts(restarts), async (all) => {
        const play = new Play(room);
        room.faults.rate = 0.1;
        await play.play(all);
        await play.settle();
        room.faults.rate = 0;
        await play.settle();
        await play.check();
      }),
      { numRuns: 8, endOnFailure: true },
    );
    expect(room.faults.injected).toBeGreaterThan(10);
    // Hundreds of commits, one after the other, and the pauses after faults: a busy disk makes minutes of seconds.
  }, 240_000);
});
