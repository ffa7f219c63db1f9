import type { JsonObject, JsonValue } from '@rapport/contracts';

const idOf = (product: JsonValue): string | undefined => {
  if (typeof product !== 'object' || product === null || Array.isArray(product)) return undefined;
  const { product_id: productId, sku } = product as JsonObject;
  const id = productId ?? sku;
  return typeof id === 'string' ? id : typeof id === 'number' ? String(id) : undefined;
};

/** The products of orders (Segment's `Order Completed`), by `product_id`, else `sku`; each once. */
export function boughtItems(orders: readonly JsonObject[]): readonly string[] {
  const ids = new Set<string>();
  for (const { products } of orders) {
    if (!Array.isArray(products)) continue;
    for (const product of products as readonly JsonValue[]) {
      const id = idOf(product);
      if (id !== undefined) ids.add(id);
    }
  }
  return [...ids];
}
