import type { Catalogue, Product } from './catalogue.js';
import { drawsFor, type Draws } from './draws.js';

/** Someone as the shop cannot see them: what they like, what they can spend, how they come. */
export interface Person {
  readonly index: number;
  readonly firstName: string;
  readonly city: string;
  /** IANA name. */
  readonly timezone: string;
  /** Standard-time offset; only decides at which hours they visit. */
  readonly utcOffsetMinutes: number;
  /** Set for those who have or will open an account. */
  readonly userId?: string;
  readonly email: string;
  /** Anonymous ids of their phones, laptops and browsers. */
  readonly devices: readonly string[];
  /** Taste by category and by brand, in the catalogue's order; larger is dearer. */
  readonly categoryTaste: readonly number[];
  readonly brandTaste: readonly number[];
  /** 0 does not look at the price, 1 looks at little else. */
  readonly priceSensitivity: number;
  /** How readily they respond to what they are shown, around 1. */
  readonly responsiveness: number;
  readonly visitsPerMonth: number;
  /** Chance that a visit ends in an order, before the price. */
  readonly buyingMood: number;
  /** What they said when asked about marketing: at once, at a later visit, or not ever. */
  readonly marketing: 'granted' | 'granted_later' | 'never';
  /** Where in the first month they come for the first time, 0 to 1; absent for customers of old. */
  readonly arrives?: number;
  /** Orders before the first month; 0 for newcomers. */
  readonly pastOrders: number;
  /** A loyal customer on the way out: comes seldom, buys seldom. */
  readonly lapsing: boolean;
  /** How long before the first month the last of them was. */
  readonly lastOrderDaysAgo: number;
}

const firstNames = [
  'Ada',
  'Bruno',
  'Chiara',
  'Dilan',
  'Emil',
  'Farah',
  'Greta',
  'Hugo',
  'Ines',
  'Jonas',
  'Kaia',
  'Luca',
  'Mina',
  'Noor',
  'Otto',
  'Pia',
];
const places = [
  { city: 'Berlin', timezone: 'Europe/Berlin', utcOffsetMinutes: 60, weight: 5 },
  { city: 'London', timezone: 'Europe/London', utcOffsetMinutes: 0, weight: 4 },
  { city: 'New York', timezone: 'America/New_York', utcOffsetMinutes: -300, weight: 3 },
  { city: 'Los Angeles', timezone: 'America/Los_Angeles', utcOffsetMinutes: -480, weight: 2 },
  { city: 'Kolkata', timezone: 'Asia/Kolkata', utcOffsetMinutes: 330, weight: 1 },
  { city: 'Tokyo', timezone: 'Asia/Tokyo', utcOffsetMinutes: 540, weight: 2 },
];

const tastes = (draws: Draws, count: number): number[] =>
  Array.from({ length: count }, () => Math.exp(1.1 * draws.normal()));

/** Brings a person to life from the seed and their number alone. */
export function bearPerson(seed: number, index: number, catalogue: Catalogue): Person {
  const draws = drawsFor(seed, 'person', index);
  const number = String(index + 1).padStart(5, '0');
  const firstName = draws.pick(firstNames);
  const place = places[draws.weighted(places.map((known) => known.weight))] ?? draws.pick(places);
  const ofOld = draws.chance(0.5);
  const lapsing = ofOld && draws.chance(0.5);
  const hasAccount = ofOld || draws.chance(0.45);
  const deviceCount = 1 + draws.weighted([5, 4, 1]);
  const choice = draws.weighted([0.66, 0.1, 0.24]);
  return {
    index,
    firstName,
    city: place.city,
    timezone: place.timezone,
    utcOffsetMinutes: place.utcOffsetMinutes,
    ...(hasAccount ? { userId: `cus-${seed}-${number}` } : {}),
    email: `${firstName.toLowerCase()}.${seed}.${number}@shop.example`,
    devices: Array.from({ length: deviceCount }, (_, device) => `dev-${seed}-${number}-${device + 1}`),
    categoryTaste: tastes(draws, catalogue.categories.length),
    brandTaste: tastes(draws, catalogue.brands.length),
    priceSensitivity: draws.unit(),
    responsiveness: draws.between(0.4, 1.6),
    visitsPerMonth: Math.min(14, (lapsing ? 1.2 : 4) * Math.exp(0.55 * draws.normal())),
    buyingMood: lapsing ? 0.05 : draws.between(0.05, 0.25),
    marketing: choice === 0 ? 'granted' : choice === 1 ? 'granted_later' : 'never',
    ...(ofOld ? {} : { arrives: draws.unit() * 0.95 }),
    pastOrders: ofOld ? (lapsing ? draws.integer(3, 7) : draws.integer(1, 5)) : 0,
    lapsing,
    lastOrderDaysAgo: lapsing ? draws.between(31, 60) : draws.between(2, 55),
  };
}

/** How much a person would like a product, higher is better; the shop can only guess it. */
function liking(person: Person, catalogue: Catalogue, product: Product): number {
  const brand = person.brandTaste[catalogue.brands.indexOf(product.brand)] ?? 1;
  return (
    Math.log(brand) -
    (person.priceSensitivity * product.price) / 60 +
    (product.clearance ? 0.8 * person.priceSensitivity : 0)
  );
}

/** The product that a look around ends at: the best liked of four, in a category after the person's taste. */
export function chooseProduct(
  person: Person,
  catalogue: Catalogue,
  draws: Draws,
  among?: readonly Product[],
): Product {
  const shelf = among ?? catalogue.byCategory[draws.weighted(person.categoryTaste)] ?? catalogue.products;
  let best = draws.pick(shelf);
  let most = liking(person, catalogue, best);
  for (let look = 0; look < 3; look++) {
    const other = draws.pick(shelf);
    const likes = liking(person, catalogue, other);
    if (likes > most) [best, most] = [other, likes];
  }
  return best;
}
