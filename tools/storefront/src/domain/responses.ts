import type { ShownTactic } from './answers.js';
import type { Catalogue } from './catalogue.js';
import { drawsFor, type Draws } from './draws.js';
import { chooseProduct, type Person } from './people.js';
import {
  lineOf,
  sayCartViewed,
  sayCheckoutStarted,
  sayOrderCompleted,
  sayProductAdded,
  sayProductViewed,
  sayTrack,
  type Said,
} from './shop-events.js';

/** What one exposure sets off: with `probability`, `said` is said `delayMs` after it; `value` is what that adds to the goal. */
export interface Reaction {
  readonly probability: number;
  readonly happens: boolean;
  readonly delayMs: number;
  readonly said: Said;
  readonly value: number;
}

const minuteMs = 60_000;
/** No one follows every call. */
const highestProbability = 0.6;

/** `base`: the average probability of a response to one exposure; `pull`: how much more those respond who look at the price. */
interface Strength {
  readonly base: number;
  readonly pull: number;
}

/** How strong the sample playbook's tactics are in this world. Any other tactic gets a strength from its name. */
const strengths: Readonly<Record<string, Strength>> = {
  clearance_welcome: { base: 0.22, pull: 0.9 },
  category_picks: { base: 0.07, pull: -0.3 },
  third_look: { base: 0.14, pull: 0.2 },
  cart_reminder: { base: 0.18, pull: 0.4 },
  come_back: { base: 0.25, pull: 0.3 },
};

function strengthOf(tactic: string): Strength {
  const draws = drawsFor('strength', tactic);
  return strengths[tactic] ?? { base: draws.between(0.06, 0.2), pull: draws.between(-0.6, 0.9) };
}

/** The probability that an exposure makes this person do the tactic's goal once more. */
export function responseProbability(seed: number, person: Person, tactic: string): number {
  const { base, pull } = strengthOf(tactic);
  const appeal = Math.exp(0.3 * drawsFor(seed, 'appeal', person.index, tactic).normal());
  const price = 1 + pull * (person.priceSensitivity - 0.5);
  return Math.min(highestProbability, base * person.responsiveness * appeal * price);
}

/**
 * The reaction to the n-th exposure of a person to a tactic. Whether it happens, when, and what it would be are drawn
 * apart, from a stream of this exposure alone: so its expected value, `probability * value`, is exact.
 */
export function reactionTo(
  seed: number,
  person: Person,
  tactic: ShownTactic,
  exposure: number,
  catalogue: Catalogue,
): Reaction {
  const probability = responseProbability(seed, person, tactic.name);
  const draws = drawsFor(seed, 'reaction', person.index, tactic.name, exposure);
  const happens = draws.chance(probability);
  const delayMs = Math.floor(
    tactic.onSite ? draws.between(1, 45) * minuteMs : draws.between(10, 18 * 60) * minuteMs,
  );
  const said = goalCall(
    tactic.goal.event,
    `${tactic.name}-${seed}-${person.index}-${exposure}`,
    person,
    catalogue,
    draws,
  );
  return { probability, happens, delayMs, said, value: worth(tactic.goal, said) };
}

/** What a call adds to a goal. */
export function worth(goal: ShownTactic['goal'], said: Said): number {
  if (said.event !== goal.event) return 0;
  if (goal.metric === 'count') return 1;
  const value =
    goal.property === undefined ? undefined : said.properties?.[goal.property.replace(/^properties\./, '')];
  return typeof value === 'number' ? value : 0;
}

function goalCall(event: string, id: string, person: Person, catalogue: Catalogue, draws: Draws): Said {
  const line = lineOf(chooseProduct(person, catalogue, draws), draws);
  switch (event) {
    case 'Order Completed':
      return sayOrderCompleted([line], `ord-${id}`);
    case 'Checkout Started':
      return sayCheckoutStarted([line], `ord-${id}`);
    case 'Cart Viewed':
      return sayCartViewed([line], `cart-${id}`);
    case 'Product Added':
      return sayProductAdded(line, `cart-${id}`);
    case 'Product Viewed':
      return sayProductViewed(line);
    default: {
      const { product } = line;
      return sayTrack(event, {
        product_id: product.id,
        name: product.name,
        category: product.category,
        price: product.price,
      });
    }
  }
}
