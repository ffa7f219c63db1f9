import type { JsonObject, JsonValue, ProfileChange } from '@rapport/contracts';
import { weighsAtMost } from '@rapport/kernel';

/** A person did something with an item. */
export interface Interaction {
  readonly item: string;
  /** How much it tells about interest; see `weights`. */
  readonly weight: number;
  readonly atMs: number;
  readonly category?: string | undefined;
}

/** Which events say something about items, and how much: a purchase is rarer and means more than a look. */
const weights: Readonly<Record<string, number>> = {
  'Product Viewed': 1,
  'Product Added': 3,
  'Order Completed': 5,
};

/** Longer ids and categories are none; a shard of the longest still is one document. In bytes, as documents are measured. */
const maxNameBytes = 64;
/** Items of one order that count; a wholesale order of hundreds of lines says little about any two of them. */
const maxProducts = 50;

/** The interactions in the events of a change, in the order in which the events were applied. */
export function interactionsOf(change: ProfileChange): readonly Interaction[] {
  const interactions: Interaction[] = [];
  for (const event of change.events) {
    const weight = event.type === 'track' && event.event !== undefined ? weights[event.event] : undefined;
    const atMs = Date.parse(event.timestamp);
    if (weight === undefined || event.properties === undefined || Number.isNaN(atMs)) continue;
    for (const product of productsOf(event.properties)) {
      const item = textOf(product['product_id']) ?? textOf(product['sku']);
      if (item !== undefined)
        interactions.push({ item, weight, atMs, category: textOf(product['category']) });
    }
  }
  return interactions;
}

function productsOf(properties: JsonObject): readonly JsonObject[] {
  const { products } = properties;
  if (!Array.isArray(products)) return [properties];
  return products
    .slice(0, maxProducts)
    .filter(
      (product: JsonValue): product is JsonObject =>
        typeof product === 'object' && product !== null && !Array.isArray(product),
    );
}

/** A name as text; undefined where there is none, or none that is kept. */
function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' && weighsAtMost(value, maxNameBytes) ? value : undefined;
}
