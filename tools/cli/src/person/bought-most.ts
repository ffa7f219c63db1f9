import { instant, productsOf } from './event-line.js';
import type { TimelineEvent } from './person-answer.js';

/** What a person bought in the largest numbers, a line each. */
export function boughtMost(events: readonly TimelineEvent[], most: number): string[] {
  const bought = new Map<string, { name: string; quantity: number; orders: number; spent: number }>();
  for (const event of events) {
    if (event.event !== 'Order Completed') continue;
    for (const { id, name, quantity, price } of productsOf(event)) {
      const sum = bought.get(id) ?? { name, quantity: 0, orders: 0, spent: 0 };
      bought.set(id, {
        name: sum.name,
        quantity: sum.quantity + quantity,
        orders: sum.orders + 1,
        spent: sum.spent + quantity * price,
      });
    }
  }
  return [...bought]
    .sort(([a, x], [b, y]) => y.quantity - x.quantity || (a < b ? -1 : 1))
    .slice(0, most)
    .map(
      ([id, { name, quantity, orders, spent }]) =>
        `${String(quantity).padStart(6)} × ${name === id ? id : `${name} (${id})`}, in ${orders} order${orders === 1 ? '' : 's'}, ${spent.toFixed(2)}`,
    );
}

/** How often and for how much somebody ordered and sent back, in a sentence; empty where nothing was. */
export function trade(events: readonly TimelineEvent[]): string {
  const ordered = sumOf(events, 'Order Completed', 'revenue');
  const refunded = sumOf(events, 'Order Refunded', 'total');
  const said: string[] = [];
  if (ordered !== undefined)
    said.push(`Ordered ${times(ordered.count)} for ${ordered.amount}, ${ordered.span}.`);
  if (refunded !== undefined)
    said.push(`Sent goods back ${times(refunded.count)} for ${refunded.amount}, ${refunded.span}.`);
  return said.join(' ');
}

function sumOf(
  events: readonly TimelineEvent[],
  name: string,
  property: string,
): { count: number; amount: string; span: string } | undefined {
  const found = events.filter((event) => event.event === name);
  const [newest, oldest] = [found[0], found.at(-1)];
  if (newest === undefined || oldest === undefined) return undefined;
  const sum = found.reduce((total, { properties }) => {
    const amount = properties?.[property];
    return total + (typeof amount === 'number' ? amount : 0);
  }, 0);
  const currencies = new Set(
    found.map(({ properties }) => properties?.['currency']).filter((one) => typeof one === 'string'),
  );
  const currency = currencies.size === 1 ? ` ${[...currencies].join('')}` : '';
  const [from, to] = [instant(oldest.timestamp), instant(newest.timestamp)];
  return {
    count: found.length,
    amount: `${sum.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}${currency}`,
    span: from === to ? `on ${from}` : `from ${from} to ${to}`,
  };
}

const times = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);
