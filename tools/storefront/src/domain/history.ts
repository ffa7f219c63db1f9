import { dayMs, type CallAct } from './acts.js';
import type { Catalogue } from './catalogue.js';
import { drawsFor } from './draws.js';
import { chooseProduct, type Person } from './people.js';
import { lineOf, sayIdentify, sayOrderCompleted, type Said } from './shop-events.js';

/** After so many days without an order a customer counts as gone. */
const awayDays = 60;

/**
 * What the shop already knew about a customer of old when it began to use Rapport: the account and its orders, in
 * event time. The message ids do not depend on the run, so that sending them again changes nothing.
 *
 * With a speed above 1 the days that a lapsing customer still has until 60 without an order pass that much faster, as
 * everything else does in a shop that is run faster than life.
 */
export function recallHistory(
  seed: number,
  person: Person,
  catalogue: Catalogue,
  startMs: number,
  speed = 1,
): CallAct[] {
  const acts: CallAct[] = [];
  if (person.pastOrders === 0) return acts;
  const draws = drawsFor(seed, 'history', person.index);
  const caller = { person, device: person.devices[0] ?? '', loggedIn: true };
  const marketing = person.marketing !== 'never';
  const say = (said: Said, atMs: number): void => {
    acts.push({
      kind: 'call',
      atMs,
      caller,
      said,
      messageId: `past${seed}-${person.index}-${acts.length}`,
      marketing,
    });
  };
  let daysAgo = person.lapsing
    ? awayDays - (awayDays - person.lastOrderDaysAgo) / speed
    : person.lastOrderDaysAgo;
  const orders: number[] = [];
  for (let order = 0; order < person.pastOrders; order++) {
    orders.unshift(Math.floor(startMs - daysAgo * dayMs));
    daysAgo += draws.between(6, 50);
  }
  for (const [number, atMs] of orders.entries()) {
    if (number === 0) say(sayIdentify(person), atMs - 60_000);
    const lines = Array.from({ length: draws.integer(1, 3) }, () =>
      lineOf(chooseProduct(person, catalogue, draws), draws),
    );
    say(sayOrderCompleted(lines, `past-${seed}-${person.index}-${number + 1}`), atMs);
  }
  return acts;
}
