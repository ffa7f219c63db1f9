// What a seed sends. A load is a handful of virtual days ("phases"); within one, everything may arrive in any order and
// any number of times, so it is made such that what must come out does not depend on that:
// - People come in pairs. On a day a pair either gets new links (identify, alias, merge, an operator's link or unlink)
//   or does what starts journeys, never both: which of two people got a mail before they became one is nobody's rule.
// - An unlink takes back what an earlier day joined, and its evidence is not sent again.
// - What is put into the cart on a day happens before what is bought on it, in the clock of the events.
import { SeededRandom } from './seeded-random.js';

/** An event as a client sends it. */
export type Sent = Readonly<Record<string, unknown>> & {
  readonly messageId: string;
  readonly timestamp: string;
};

/** What an operator says about two identifiers. */
export interface Operation {
  readonly kind: 'link' | 'unlink';
  readonly from: string;
  readonly to: string;
  /** Said when so many events of the whole load have been sent. */
  readonly afterEvents: number;
}

export interface Phase {
  /** The platform's clock meanwhile. */
  readonly nowMs: number;
  readonly batches: readonly (readonly Sent[])[];
  readonly operations: readonly Operation[];
}

export interface Load {
  readonly seed: number;
  /** Sent ones, duplicates included. */
  readonly events: number;
  readonly phases: readonly Phase[];
  /** The clock when all is over, a day after the last phase began. */
  readonly endMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startMs = Date.parse('2026-03-02T12:00:00.000Z');
const phaseCount = 5;
const eventsPerPerson = 40;
const products = 12;
const plans = ['gold', 'silver', 'none'] as const;
/** More than the age from which an event starts no journey (a day). */
const lateHours = { from: 48, to: 200 };

/** One pair: two people, their devices, and what is to become of them. */
interface Pair {
  readonly people: readonly [PersonPlan, PersonPlan];
  /** The phase in which the two become one; -1: never. */
  readonly mergesIn: number;
  readonly mergesBy: 'email' | 'device' | 'operator';
  /** The phase in which that is taken back; -1: never. */
  readonly unlinksIn: number;
}

interface PersonPlan {
  readonly user: string;
  readonly email: string;
  readonly devices: readonly { readonly id: string; readonly linksIn: number }[];
}

/** Everything a seed sends, in the order in which it is handed out. */
export function makeLoad(seed: number, wantedEvents: number): Load {
  const maker = new LoadMaker(seed, wantedEvents);
  return maker.make();
}

class LoadMaker {
  readonly #random: SeededRandom;
  readonly #pairs: readonly Pair[];
  readonly #taken = new Set<number>();
  #made = 0;
  #sent = 0;
  /** Without links: they may come again on any later day. */
  readonly #repeatable: Sent[] = [];

  constructor(
    readonly seed: number,
    readonly wantedEvents: number,
  ) {
    this.#random = new SeededRandom(seed);
    const pairs = Math.max(4, Math.round(wantedEvents / eventsPerPerson / 2));
    this.#pairs = Array.from({ length: pairs }, (_, number) => this.#pair(number));
  }

  make(): Load {
    const phases = Array.from({ length: phaseCount }, (_, index) => this.#phase(index));
    return { seed: this.seed, events: this.#sent, phases, endMs: startMs + phaseCount * dayMs };
  }

  #pair(number: number): Pair {
    const random = this.#random;
    const merges = random.chance(0.45);
    const mergesIn = merges ? random.between(0, phaseCount - 2) : -1;
    return {
      people: [this.#person(2 * number), this.#person(2 * number + 1)],
      mergesIn,
      mergesBy: random.pick(['email', 'device', 'operator']),
      unlinksIn: merges && random.chance(0.4) ? random.between(mergesIn + 1, phaseCount - 1) : -1,
    };
  }

  #person(number: number): PersonPlan {
    const name = `s${this.seed}p${number}`;
    const count = this.#random.between(1, 3);
    return {
      user: `${name}-user`,
      email: `${name}@example.org`,
      devices: Array.from({ length: count }, (_, at) => ({
        id: `${name}-device${at}`,
        linksIn: at === 0 ? 0 : this.#random.between(0, phaseCount - 1),
      })),
    };
  }

  #phase(index: number): Phase {
    const random = this.#random;
    const nowMs = startMs + index * dayMs;
    const before = this.#sent;
    const wanted = Math.round((this.wantedEvents * (index + 1)) / phaseCount) - before;
    const fresh: Sent[] = [];
    const told: Omit<Operation, 'afterEvents'>[] = [];
    const links = new Map<Pair, boolean>();
    for (const pair of this.#pairs) {
      const changes = this.#linksOf(pair, index, nowMs);
      fresh.push(...changes.events);
      told.push(...changes.operations);
      const changing = changes.events.length + changes.operations.length > 0;
      links.set(pair, changing || pair.unlinksIn >= 0 || random.chance(0.2));
    }
    // One in ten is a repeat, now or of an earlier day.
    while (fresh.length < wanted * 0.9) {
      const pair = random.pick(this.#pairs);
      fresh.push(this.#act(pair, index, nowMs, links.get(pair) ?? true));
    }
    const stream = random.shuffled(fresh);
    while (stream.length < wanted) {
      const again = random.chance(0.7) || this.#repeatable.length === 0 ? stream : this.#repeatable;
      stream.splice(random.between(0, stream.length), 0, random.pick(again));
    }
    this.#repeatable.push(...fresh.filter((event) => !carriesLinks(event)));
    this.#sent += stream.length;
    const batches: Sent[][] = [];
    for (let at = 0; at < stream.length;) {
      const size = random.between(1, 40);
      batches.push(stream.slice(at, at + size));
      at += size;
    }
    const operations = told.map((operation) => ({
      ...operation,
      afterEvents: before + random.between(Math.floor(stream.length * 0.1), Math.floor(stream.length * 0.9)),
    }));
    operations.sort((one, other) => one.afterEvents - other.afterEvents);
    return { nowMs, batches, operations };
  }

  /** What joins and parts a pair's identifiers on a day. */
  #linksOf(
    pair: Pair,
    phase: number,
    nowMs: number,
  ): { readonly events: Sent[]; readonly operations: Omit<Operation, 'afterEvents'>[] } {
    const events: Sent[] = [];
    const operations: Omit<Operation, 'afterEvents'>[] = [];
    for (const person of pair.people) {
      for (const { id, linksIn } of person.devices) {
        if (linksIn !== phase) continue;
        const traits = { email: person.email, plan: this.#random.pick(plans) };
        const byAlias = phase > 0 && this.#random.chance(0.3);
        events.push(
          byAlias
            ? this.#event(nowMs, { type: 'alias', userId: person.user, previousId: id })
            : this.#event(nowMs, { type: 'identify', userId: person.user, anonymousId: id, traits }),
        );
      }
    }
    const [one, other] = pair.people;
    const joined = {
      email: [`user_id:${other.user}`, `email:${one.email}`],
      device: [`user_id:${other.user}`, `anonymous_id:${one.devices[0]?.id ?? ''}`],
      operator: [`user_id:${one.user}`, `user_id:${other.user}`],
    }[pair.mergesBy];
    const [from = '', to = ''] = joined;
    if (pair.mergesIn === phase) {
      if (pair.mergesBy === 'operator') operations.push({ kind: 'link', from, to });
      else if (pair.mergesBy === 'email')
        events.push(
          this.#event(nowMs, {
            type: 'identify',
            userId: other.user,
            traits: { plan: 'gold' },
            context: { traits: { email: one.email } },
          }),
        );
      else
        events.push(
          this.#event(nowMs, { type: 'identify', userId: other.user, anonymousId: one.devices[0]?.id ?? '' }),
        );
    }
    if (pair.unlinksIn === phase) operations.push({ kind: 'unlink', from, to });
    return { events, operations };
  }

  /** Something that one of a pair does without joining anything. */
  #act(pair: Pair, phase: number, nowMs: number, isQuiet: boolean): Sent {
    const random = this.#random;
    const person = random.pick(pair.people);
    // A device may also be used long before anybody knows whose it is.
    const device = random.pick(person.devices);
    const isKnown = device.linksIn < phase;
    const isUser = phase > 0 && random.chance(0.5);
    const who = isUser ? { userId: person.user } : { anonymousId: device.id };
    const product = { product_id: `p${random.between(1, products)}`, price: random.between(5, 60) };
    const today = { from: 0, to: 12 };
    const isLate = random.chance(0.15);
    const track = (event: string, properties: object, ago = isLate ? lateHours : today): Sent =>
      this.#event(nowMs, { ...who, type: 'track', event, properties }, ago);
    const drawn = random.next();
    if (drawn < 0.4) return track('Product Viewed', product);
    if (drawn < 0.55) {
      const page = { ...who, type: 'page', name: random.pick(['Home', 'Cart', 'Help']) };
      return this.#event(nowMs, page, isLate ? lateHours : today);
    }
    // Not for mail: who said no to that in the course of a day gets none, and when follows from the order of arrival.
    if (drawn < 0.62)
      return track(random.chance(0.7) ? 'Consent Granted' : 'Consent Revoked', { purpose: 'profiling' });
    if (drawn < 0.68) {
      const traits = { plan: random.pick(plans), size: random.between(36, 48) };
      return this.#event(nowMs, { ...who, type: 'identify', traits });
    }
    if (drawn < 0.8) {
      // Its reminder goes out an hour later, by mail: somebody must be known by then.
      const isReachable = pair.unlinksIn < 0 && (isUser || device.linksIn <= phase);
      return track('Product Added', product, isReachable ? { from: 6, to: 11 } : lateHours);
    }
    // Orders and checkouts start journeys at once: on a quiet day, and of a device that nobody knows, only late ones.
    const startsNothing = isLate || isQuiet || !(isUser || isKnown);
    if (random.chance(0.4))
      return track(
        'Checkout Started',
        { value: random.between(10, 90) },
        startsNothing ? lateHours : { from: 3, to: 6 },
      );
    const order = { order_id: `o${this.#made}`, revenue: random.between(500, 20_000) / 100 };
    return track('Order Completed', order, startsNothing ? lateHours : { from: 0, to: 3 });
  }

  /** `ago` in hours; no two events have the same instant, so that "first" and "last" have one answer. */
  #event(
    nowMs: number,
    said: Readonly<Record<string, unknown>>,
    ago: { readonly from: number; readonly to: number } = { from: 0, to: 12 },
  ): Sent {
    let atMs = nowMs - Math.floor((ago.from + this.#random.next() * (ago.to - ago.from)) * hourMs);
    // Strictly inside the range, and never ahead of the clock.
    for (atMs -= 1; this.#taken.has(atMs);) atMs -= 1;
    this.#taken.add(atMs);
    this.#made++;
    return { ...said, messageId: `s${this.seed}-${this.#made}`, timestamp: new Date(atMs).toISOString() };
  }
}

/** Whether an event is evidence that two identifiers belong together. */
const carriesLinks = (event: Sent): boolean =>
  event['type'] === 'alias' || (event['userId'] !== undefined && event['type'] === 'identify');
