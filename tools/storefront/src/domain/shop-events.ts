import type { JsonObject } from '@rapport/contracts';
import type { Product } from './catalogue.js';
import type { Draws } from './draws.js';
import type { Person } from './people.js';

/** A call of the Segment spec as it goes over the wire. */
export interface ShopEvent {
  readonly type: 'track' | 'page' | 'identify';
  readonly messageId: string;
  readonly anonymousId?: string;
  readonly userId?: string;
  readonly event?: string;
  readonly name?: string;
  readonly properties?: JsonObject;
  readonly traits?: JsonObject;
  readonly context: JsonObject;
  readonly timestamp: string;
}

/** One thing in a basket. */
export interface Line {
  readonly product: Product;
  readonly size: string;
  readonly quantity: number;
}

/** From where and as whom a call is made. */
export interface Caller {
  readonly person: Person;
  /** Anonymous id of the device. */
  readonly device: string;
  /** Whether the device is logged in. */
  readonly loggedIn: boolean;
}

/** What a call says, without who, when and with whose consent. */
export type Said = Pick<ShopEvent, 'type' | 'event' | 'name' | 'properties' | 'traits'> & {
  readonly path?: string;
};

const cents = (amount: number): number => Math.round(amount * 100) / 100;

const lineProperties = (line: Line): JsonObject => ({
  product_id: line.product.id,
  sku: line.product.sku,
  name: line.product.name,
  category: line.product.category,
  brand: line.product.brand,
  variant: line.size,
  price: line.product.price,
  quantity: line.quantity,
});

export const totalOf = (lines: readonly Line[]): number =>
  cents(lines.reduce((sum, line) => sum + line.product.price * line.quantity, 0));

/** A product with a size that fits the one who draws. */
export function lineOf(product: Product, draws: Draws): Line {
  return { product, size: draws.pick(product.sizes), quantity: draws.chance(0.85) ? 1 : 2 };
}

export const sayPage = (path: string, name: string): Said => ({
  type: 'page',
  name,
  properties: { path, url: `https://shop.example${path}`, title: name },
  path,
});

export const sayListViewed = (category: string, products: readonly Product[]): Said => ({
  type: 'track',
  event: 'Product List Viewed',
  properties: {
    list_id: category,
    category,
    products: products.map((product, at) => ({ product_id: product.id, position: at + 1 })),
  },
  path: `/c/${category}`,
});

export const sayProductViewed = (line: Line): Said => ({
  type: 'track',
  event: 'Product Viewed',
  properties: { ...lineProperties(line), currency: 'EUR', url: `https://shop.example/p/${line.product.id}` },
  path: `/p/${line.product.id}`,
});

export const sayProductAdded = (line: Line, cartId: string): Said => ({
  type: 'track',
  event: 'Product Added',
  properties: { cart_id: cartId, ...lineProperties(line), currency: 'EUR' },
  path: `/p/${line.product.id}`,
});

export const sayCartViewed = (lines: readonly Line[], cartId: string): Said => ({
  type: 'track',
  event: 'Cart Viewed',
  properties: { cart_id: cartId, products: lines.map(lineProperties) },
  path: '/cart',
});

export const sayCheckoutStarted = (lines: readonly Line[], orderId: string): Said => ({
  type: 'track',
  event: 'Checkout Started',
  properties: {
    order_id: orderId,
    value: totalOf(lines),
    revenue: totalOf(lines),
    currency: 'EUR',
    products: lines.map(lineProperties),
  },
  path: '/checkout',
});

export const sayOrderCompleted = (lines: readonly Line[], orderId: string): Said => {
  const revenue = totalOf(lines);
  const shipping = revenue < 50 ? 4.95 : 0;
  return {
    type: 'track',
    event: 'Order Completed',
    properties: {
      order_id: orderId,
      total: cents(revenue + shipping),
      revenue,
      shipping,
      currency: 'EUR',
      products: lines.map(lineProperties),
    },
    path: '/thanks',
  };
};

export const sayOrderRefunded = (lines: readonly Line[], orderId: string): Said => ({
  type: 'track',
  event: 'Order Refunded',
  properties: {
    order_id: orderId,
    total: totalOf(lines),
    currency: 'EUR',
    products: lines.map(lineProperties),
  },
});

/** Who has just told us who they are: a login carries the account, a guest's checkout the e-mail address alone. */
export const sayIdentify = (person: Person): Said => ({
  type: 'identify',
  traits: { email: person.email, first_name: person.firstName, city: person.city },
});

/** Any other track call, for goals that the shop has no page for. */
export const sayTrack = (event: string, properties: JsonObject): Said => ({
  type: 'track',
  event,
  properties,
});

/** Puts who, when and with whose consent around what is said. */
export function callOf(
  caller: Caller,
  said: Said,
  messageId: string,
  atMs: number,
  consent: Readonly<Record<string, boolean>>,
): ShopEvent {
  const { path, ...call } = said;
  return {
    ...call,
    messageId,
    anonymousId: caller.device,
    ...(caller.loggedIn && caller.person.userId !== undefined ? { userId: caller.person.userId } : {}),
    context: {
      timezone: caller.person.timezone,
      consent: { categoryPreferences: consent },
      ...(path === undefined ? {} : { page: { path } }),
    },
    timestamp: new Date(atMs).toISOString(),
  };
}
