import { dayMs, monthMs, type Act, type PageKind } from './acts.js';
import type { Catalogue, Product } from './catalogue.js';
import { drawsFor, type Draws } from './draws.js';
import { chooseProduct, type Person } from './people.js';
import {
  lineOf,
  sayCartViewed,
  sayCheckoutStarted,
  sayIdentify,
  sayListViewed,
  sayOrderCompleted,
  sayOrderRefunded,
  sayPage,
  sayProductAdded,
  sayProductViewed,
  sayTrack,
  type Line,
  type Said,
} from './shop-events.js';

/** Share of a day's visits by local hour: quiet nights, a lunch break, a long evening. */
const visitsByHour = [1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 3, 4, 4, 5, 6, 5, 4, 4, 4, 5, 6, 8, 9, 8, 6, 3];
/** Share of orders that come back. */
const refundShare = 0.1;

/**
 * What one person does of their own accord in one month. A function of the seed, the person and the month alone:
 * nothing that is shown or sent changes it, which is what makes the true lift of a tactic known.
 */
export function planMonth(
  seed: number,
  run: string,
  person: Person,
  catalogue: Catalogue,
  month: number,
  startMs: number,
): Act[] {
  const draws = drawsFor(seed, 'visits', person.index, month);
  const plan = new MonthPlan(seed, run, person, catalogue, month, draws);
  const arrives = month === 0 ? (person.arrives ?? 0) : 0;
  const times = visitTimes(person, draws, startMs, arrives);
  for (const [number, atMs] of times.entries()) plan.visit(atMs, number);
  return plan.acts;
}

function visitTimes(person: Person, draws: Draws, startMs: number, arrives: number): number[] {
  const newcomer = arrives > 0;
  const count = Math.max(newcomer ? 1 : 0, draws.poisson(person.visitsPerMonth * (1 - arrives)));
  const times: number[] = [];
  for (let visit = 0; visit < count; visit++) {
    const day = Math.floor((arrives + (1 - arrives) * draws.unit()) * (monthMs / dayMs));
    const localMs = (draws.weighted(visitsByHour) + draws.unit()) * 3_600_000;
    const ofDayMs = (localMs - person.utcOffsetMinutes * 60_000 + dayMs) % dayMs;
    times.push(Math.floor(startMs + day * dayMs + ofDayMs));
  }
  return times.sort((a, b) => a - b);
}

class MonthPlan {
  readonly acts: Act[] = [];
  readonly #loggedIn = new Set<string>();
  /** What they keep coming back to look at. */
  #favourite: Product;
  #atMs = 0;
  #device: string;
  #marketing = false;
  #count = 0;
  #orders = 0;

  constructor(
    readonly seed: number,
    readonly run: string,
    readonly person: Person,
    readonly catalogue: Catalogue,
    readonly month: number,
    readonly draws: Draws,
  ) {
    this.#favourite = chooseProduct(person, catalogue, draws);
    this.#device = person.devices[0] ?? '';
    // From the second month on, and on the main device of an old customer, the browser remembers the account.
    if (person.userId !== undefined) {
      if (month > 0) for (const device of person.devices) this.#loggedIn.add(device);
      else if (person.pastOrders > 0) this.#loggedIn.add(this.#device);
    }
  }

  visit(atMs: number, number: number): void {
    const { draws, person, catalogue } = this;
    this.#atMs = atMs;
    this.#device = person.devices[draws.weighted([4, 2, 1].slice(0, person.devices.length))] ?? this.#device;
    this.#marketing =
      person.marketing === 'granted' ||
      (person.marketing === 'granted_later' && (this.month > 0 || number > 0 || person.pastOrders > 0));
    const bargain = draws.chance(0.12 + 0.4 * person.priceSensitivity ** 2);
    if (bargain) this.#say(sayPage('/clearance', 'Clearance'));
    if (person.userId !== undefined && !this.#loggedIn.has(this.#device) && draws.chance(0.35)) this.#logIn();
    if (!bargain || draws.chance(0.5)) this.#goHome();

    const shelf = bargain ? catalogue.clearance : undefined;
    const category = chooseProduct(person, catalogue, draws, shelf).category;
    this.#wait();
    this.#say(
      sayListViewed(
        bargain ? 'clearance' : category,
        (shelf ?? catalogue.products).filter((p) => p.category === category).slice(0, 3),
      ),
    );
    const seen = this.#lookAround(shelf);
    if (draws.chance(0.1)) this.#favourite = seen.product;
    if (draws.chance(0.2 + person.buyingMood)) this.#fillCart(seen);
  }

  #goHome(): void {
    this.#wait();
    this.#say(sayPage('/', 'Home'));
    this.#ask('home', { path: '/' });
  }

  /** One to three products, often the one they cannot forget; the last one is the one they may want. */
  #lookAround(shelf: readonly Product[] | undefined): Line {
    const looks = this.draws.integer(1, 3);
    let seen = lineOf(this.#favourite, this.draws);
    for (let look = 0; look < looks; look++) {
      const again = this.draws.chance(0.45);
      seen = lineOf(
        again ? this.#favourite : chooseProduct(this.person, this.catalogue, this.draws, shelf),
        this.draws,
      );
      this.#wait();
      this.#say(sayProductViewed(seen));
      if (look === 0)
        this.#ask('product', {
          path: `/p/${seen.product.id}`,
          product_id: seen.product.id,
          category: seen.product.category,
        });
    }
    return seen;
  }

  #fillCart(seen: Line): void {
    const { draws } = this;
    const cartId = `cart-${this.run}-${this.person.index}-${this.month}-${this.#count}`;
    const lines = [seen];
    this.#wait();
    this.#say(sayProductAdded(seen, cartId));
    while (lines.length < 4 && draws.chance(0.2)) {
      const more = lineOf(chooseProduct(this.person, this.catalogue, draws), draws);
      lines.push(more);
      this.#wait();
      this.#say(sayProductAdded(more, cartId));
    }
    if (draws.chance(0.6)) {
      this.#wait();
      this.#say(sayCartViewed(lines, cartId));
      this.#ask('cart', { path: '/cart' });
    }
    if (draws.chance(0.2 + 1.5 * this.person.buyingMood)) this.#checkOut(lines);
  }

  #checkOut(lines: readonly Line[]): void {
    const { draws } = this;
    const orderId = `ord-${this.run}-${this.person.index}-${this.month}-${++this.#orders}`;
    this.#wait();
    if (!this.#loggedIn.has(this.#device)) this.#logIn();
    this.#say(sayCheckoutStarted(lines, orderId));
    if (!draws.chance(0.75)) return;
    this.#wait();
    this.#say(sayOrderCompleted(lines, orderId));
    if (draws.chance(refundShare)) {
      const back = draws.pick(lines);
      const nowMs = this.#atMs;
      this.#atMs = Math.floor(nowMs + draws.between(2, 10) * dayMs);
      this.#say(sayOrderRefunded([back], orderId));
      this.#atMs = nowMs;
    }
  }

  /** An account holder logs in; a guest leaves the address that the parcel's news goes to. */
  #logIn(): void {
    const first = this.person.pastOrders === 0 && this.#loggedIn.size === 0 && this.month === 0;
    this.#loggedIn.add(this.#device);
    this.#wait();
    this.#say(sayIdentify(this.person));
    if (first && this.person.userId !== undefined) this.#say(sayTrack('Signed Up', { type: 'organic' }));
  }

  #wait(): void {
    this.#atMs += Math.floor(this.draws.between(4_000, 75_000));
  }

  #caller() {
    return { person: this.person, device: this.#device, loggedIn: this.#loggedIn.has(this.#device) };
  }

  #ask(page: PageKind, context: Readonly<Record<string, string>>): void {
    this.acts.push({ kind: 'ask', atMs: this.#atMs, caller: this.#caller(), page, context });
  }

  #say(said: Said): void {
    this.acts.push({
      kind: 'call',
      atMs: this.#atMs,
      caller: this.#caller(),
      said,
      messageId: `${this.run}-${this.person.index}-${this.month}-${this.#count++}`,
      marketing: this.#marketing,
    });
  }
}
