import { productsOf } from './event-line.js';
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
