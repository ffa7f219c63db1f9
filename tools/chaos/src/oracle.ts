// What must come out, worked out the slow way from the input that the front door acknowledged and from the words of
// this folder's playbook. Nothing here knows how the services do it, and nothing of theirs is imported.
import type { Load, Sent } from './load.js';

/** An acknowledged event, and on which day it came in first. */
export interface Acknowledged {
  readonly event: Sent;
  readonly phase: number;
}

/** Everything about one person at the end. */
export interface ExpectedPerson {
  /** `type:value`, sorted. */
  readonly identifiers: readonly string[];
  readonly messageIds: ReadonlySet<string>;
  readonly traits: Readonly<Record<string, unknown>>;
  readonly computedTraits: Readonly<Record<string, unknown>>;
  readonly segments: readonly string[];
  readonly consent: Readonly<Record<string, boolean>>;
}

/** How many mails one person (the person of that day) gets on a day. */
export interface ExpectedMail {
  readonly phase: number;
  readonly identifiers: ReadonlySet<string>;
  readonly count: number;
}

export interface Expected {
  readonly people: readonly ExpectedPerson[];
  readonly mails: readonly ExpectedMail[];
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export function expectedOf(load: Load, acknowledged: readonly Acknowledged[]): Expected {
  const last = load.phases.length - 1;
  const events = acknowledged.map(({ event }) => event);
  return {
    people: groupsAfter(load, acknowledged, last).map((identifiers) =>
      personOf(
        [...identifiers].sort(),
        events.filter((event) => identifiers.has(originOf(event))),
        load.endMs,
      ),
    ),
    mails: mailsOf(load, acknowledged),
  };
}

/** Under which identifier an event is filed. */
export const originOf = (event: Sent): string =>
  event['userId'] === undefined
    ? `anonymous_id:${text(event['anonymousId'])}`
    : `user_id:${text(event['userId'])}`;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function emailIn(event: Sent): string | undefined {
  const traits = event['traits'] as { email?: string } | undefined;
  const context = event['context'] as { traits?: { email?: string } } | undefined;
  return traits?.email ?? context?.traits?.email;
}

/** Every identifier that an event names; the first is its origin. */
function identifiersIn(event: Sent): string[] {
  const email = emailIn(event);
  return [
    originOf(event),
    ...(event['userId'] !== undefined && event['anonymousId'] !== undefined
      ? [`anonymous_id:${text(event['anonymousId'])}`]
      : []),
    ...(email === undefined ? [] : [`email:${email}`]),
    ...(event['previousId'] === undefined ? [] : [`anonymous_id:${text(event['previousId'])}`]),
  ];
}

const pairKey = (one: string, other: string): string => [one, other].sort().join(' ');

/** The people at the end of a day: identifiers joined by every edge up to then that was not taken back. */
function groupsAfter(load: Load, acknowledged: readonly Acknowledged[], phase: number): Set<string>[] {
  const edges = new Set<string>();
  const labels = new Map<string, string>();
  for (const { event, phase: of } of acknowledged) {
    if (of > phase) continue;
    const [origin = '', ...others] = identifiersIn(event);
    for (const id of [origin, ...others]) labels.set(id, id);
    for (const other of others) edges.add(pairKey(origin, other));
  }
  for (const { operations } of load.phases.slice(0, phase + 1)) {
    for (const { kind, from, to } of operations) {
      for (const id of [from, to]) labels.set(id, id);
      if (kind === 'link') edges.add(pairKey(from, to));
      else edges.delete(pairKey(from, to));
    }
  }
  const rootOf = (id: string): string => {
    const parent = labels.get(id) ?? id;
    return parent === id ? id : rootOf(parent);
  };
  for (const edge of edges) {
    const [one = '', other = ''] = edge.split(' ').map(rootOf);
    labels.set(one, other);
  }
  const groups = new Map<string, Set<string>>();
  for (const id of labels.keys()) {
    const root = rootOf(id);
    groups.set(root, (groups.get(root) ?? new Set<string>()).add(id));
  }
  return [...groups.values()];
}

interface Happened {
  readonly atMs: number;
  readonly event: Sent;
}

function personOf(identifiers: readonly string[], events: readonly Sent[], nowMs: number): ExpectedPerson {
  const inOrder: Happened[] = events
    .map((event) => ({ event, atMs: Date.parse(event.timestamp) }))
    .sort((one, other) => one.atMs - other.atMs);
  const traits: Record<string, unknown> = {};
  const consent: Record<string, boolean> = {};
  for (const { event } of inOrder) {
    const named =
      event['type'] === 'identify' ? (event['traits'] as Record<string, unknown> | undefined) : {};
    Object.assign(traits, named);
    if (event['event'] === 'Consent Granted') consent['profiling'] = true;
    if (event['event'] === 'Consent Revoked') consent['profiling'] = false;
  }
  const computedTraits = computedOf(inOrder, nowMs);
  const segments = segmentsOf({ inOrder, traits, consent, computedTraits, nowMs });
  const messageIds = new Set(events.map(({ messageId }) => messageId));
  return { identifiers, messageIds, traits, computedTraits, segments, consent };
}

const tracks = (inOrder: readonly Happened[], name: string): Happened[] =>
  inOrder.filter(({ event }) => event['type'] === 'track' && event['event'] === name);

const property = ({ event }: Happened, name: string): unknown =>
  (event['properties'] as Readonly<Record<string, unknown>>)[name];

/** Rolling windows of computed traits move on by a sixtieth of their length. */
const inWindow = (happened: readonly Happened[], nowMs: number, windowMs: number): Happened[] => {
  const step = Math.ceil(windowMs / 60);
  return happened.filter(
    ({ atMs }) => Math.floor(nowMs / step) - Math.floor(atMs / step) < Math.ceil(windowMs / step),
  );
};

function computedOf(inOrder: readonly Happened[], nowMs: number): Record<string, unknown> {
  const orders = tracks(inOrder, 'Order Completed');
  const views = tracks(inOrder, 'Product Viewed');
  const pages = inOrder.filter(({ event }) => event['type'] === 'page');
  const cents = (of: readonly Happened[]): number =>
    of.reduce((sum, order) => sum + Math.round((property(order, 'revenue') as number) * 100), 0);
  const revenues = orders.map((order) => property(order, 'revenue') as number);
  const viewed = views.map((view) => property(view, 'product_id') as string);
  const lastViewed = new Map(views.map((view) => [property(view, 'product_id') as string, view.atMs]));
  const newest = orders.at(-1);
  return {
    orders_count: orders.length,
    revenue_total: cents(orders) / 100,
    revenue_mean: orders.length === 0 ? null : cents(orders) / 100 / orders.length,
    largest_order: orders.length === 0 ? null : Math.max(...revenues),
    smallest_order: orders.length === 0 ? null : Math.min(...revenues),
    first_order: revenues[0] ?? null,
    orders_2d: inWindow(orders, nowMs, 2 * dayMs).length,
    revenue_2d: cents(inWindow(orders, nowMs, 2 * dayMs)) / 100,
    views_1d: inWindow(views, nowMs, dayMs).length,
    views_7d: inWindow(views, nowMs, 7 * dayMs).length,
    products_viewed_3d: new Set(inWindow(views, nowMs, 3 * dayMs).map((view) => property(view, 'product_id')))
      .size,
    last_product: viewed.at(-1) ?? null,
    favourite_product: favourite(viewed),
    viewed_products: [...lastViewed]
      .sort(([, one], [, other]) => other - one)
      .slice(0, 10)
      .map(([product]) => product),
    pages_7d: inWindow(pages, nowMs, 7 * dayMs).length,
    days_since_order: newest === undefined ? null : (nowMs - newest.atMs) / dayMs,
  };
}

/** The most frequent one, among equals the first by name. */
function favourite(values: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const ranked = [...counts].sort(
    ([one, times], [other, otherTimes]) => otherTimes - times || (one < other ? -1 : 1),
  );
  return ranked[0]?.[0] ?? null;
}

function segmentsOf(person: {
  readonly inOrder: readonly Happened[];
  readonly traits: Readonly<Record<string, unknown>>;
  readonly consent: Readonly<Record<string, boolean>>;
  readonly computedTraits: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
}): string[] {
  const { inOrder, traits, consent, computedTraits, nowMs } = person;
  // Nobody who never did anything is in a segment.
  if (inOrder.length === 0) return [];
  const within = (name: string, lengthMs: number): Happened[] =>
    tracks(inOrder, name).filter(({ atMs }) => nowMs - atMs < lengthMs);
  const orders = tracks(inOrder, 'Order Completed');
  const boughtLately = within('Order Completed', 2 * dayMs).length > 0;
  const viewsOf = new Map<unknown, number>();
  for (const view of within('Product Viewed', 2 * dayMs)) {
    const product = property(view, 'product_id');
    viewsOf.set(product, (viewsOf.get(product) ?? 0) + 1);
  }
  const added = within('Product Added', dayMs);
  const holds: Record<string, boolean> = {
    everyone: true,
    buyers: orders.length > 0,
    keen: [...viewsOf.values()].some((times) => times >= 2) && !boughtLately,
    big_spender: (computedTraits['revenue_total'] as number) >= 500,
    lapsed: orders.length > 0 && !boughtLately,
    decided: within('Product Viewed', dayMs).some((view) => added.some(({ atMs }) => atMs > view.atMs)),
    reachable: consent['profiling'] === true,
    gold: traits['plan'] === 'gold',
  };
  return Object.keys(holds)
    .filter((name) => holds[name])
    .sort();
}

/**
 * Mails: what was bought or taken to the till on a day is answered at once (its first reason counts), what was put into
 * the cart and not bought an hour later; one mail a day, three in seven days. Which of the reasons is answered depends
 * on what came in first; how many mails there are does not.
 */
function mailsOf(load: Load, acknowledged: readonly Acknowledged[]): ExpectedMail[] {
  const sentTo = new Map<string, number[]>();
  return load.phases.flatMap(({ nowMs }, phase) => {
    const today = acknowledged.filter(
      ({ event, phase: of }) => of === phase && nowMs - Date.parse(event.timestamp) <= dayMs,
    );
    return groupsAfter(load, acknowledged, phase).flatMap((identifiers) => {
      const own = today.filter(({ event }) => identifiers.has(originOf(event)));
      const did = (name: string): boolean => own.some(({ event }) => event['event'] === name);
      const times = [...identifiers].flatMap((id) => sentTo.get(id) ?? []);
      const room = times.filter((atMs) => nowMs - atMs < 7 * dayMs).length < 3;
      const atOnce = did('Order Completed') || did('Checkout Started');
      const later = did('Product Added') && !did('Order Completed');
      if (!room || !(atOnce || later)) return [];
      const [first = ''] = identifiers;
      sentTo.set(first, [...(sentTo.get(first) ?? []), atOnce ? nowMs : nowMs + hourMs]);
      return [{ phase, identifiers, count: 1 }];
    });
  });
}
