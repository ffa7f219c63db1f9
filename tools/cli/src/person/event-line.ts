import type { JsonValue } from '@rapport/contracts';
import type { TimelineEvent } from './person-answer.js';

/** `2010-12-01 08:26` in UTC. */
export function instant(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

/** A product as an event names it. */
export interface BoughtProduct {
  readonly id: string;
  readonly name: string;
  readonly quantity: number;
  readonly price: number;
}

/** An event on one line: when, what, and what matters of its properties. */
export function eventLine(event: TimelineEvent): string {
  const what = event.event ?? (event.name === undefined ? event.type : `${event.type} ${event.name}`);
  const told = detail(event);
  return `${instant(event.timestamp)}  ${what}${told === '' ? '' : `: ${told}`}`;
}

/** The products of an order, or of an event about a single one. */
export function productsOf(event: TimelineEvent): BoughtProduct[] {
  const listed = event.properties?.['products'];
  const products: readonly JsonValue[] = Array.isArray(listed) ? listed : [];
  return products.map((product) => readProduct(product)).filter((product) => product !== undefined);
}

function readProduct(value: JsonValue | undefined): BoughtProduct | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const product = value as Readonly<Record<string, JsonValue>>;
  const id = text(product['product_id'] ?? product['sku']);
  if (id === '') return undefined;
  const quantity = typeof product['quantity'] === 'number' ? product['quantity'] : 1;
  return {
    id,
    name: text(product['name']) || id,
    quantity,
    price: typeof product['price'] === 'number' ? product['price'] : 0,
  };
}

function detail(event: TimelineEvent): string {
  const properties = event.properties ?? {};
  const amount = properties['revenue'] ?? properties['total'] ?? properties['value'];
  const products = productsOf(event);
  const parts: string[] = [];
  if (properties['order_id'] !== undefined) parts.push(`no. ${text(properties['order_id'])}`);
  if (typeof amount === 'number') parts.push(`${amount.toFixed(2)} ${text(properties['currency'])}`.trim());
  if (products.length > 0) parts.push(listing(products));
  if (parts.length > 0) return parts.join(', ');
  const single = readProduct(event.properties);
  if (single !== undefined) return single.name === single.id ? single.id : `${single.name} (${single.id})`;
  const fields = event.type === 'identify' ? (event.traits ?? {}) : properties;
  return Object.entries(fields)
    .filter(([, value]) => typeof value !== 'object')
    .slice(0, 3)
    .map(([name, value]) => `${name} ${text(value)}`)
    .join(', ');
}

function listing(products: readonly BoughtProduct[]): string {
  const first = products.slice(0, 2).map(({ quantity, name }) => `${quantity} × ${name}`);
  return products.length > 2 ? `${first.join(', ')} and ${products.length - 2} more` : first.join(', ');
}

function text(value: JsonValue | undefined): string {
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value);
}
