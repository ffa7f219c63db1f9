import fc from 'fast-check';
import { instantText } from '../inputs/events.js';
import { anyJson, anyNumber, anyObject, mostly, writeJson, type Json } from '../inputs/json.js';
import { anyText, emailText, idText } from '../inputs/texts.js';
import type { Door, Target } from './door.js';
import { call, isFault, parsed, serverFault } from './http-client.js';

/** A route of /openapi.json, by its path or its place in the list, and what goes into it. */
interface ApiCall {
  readonly route: number | string;
  /** Stands in for each `{name}` of the path. */
  readonly segment: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Json | undefined;
  /** Sends the text in place of the body. */
  readonly noise: string | undefined;
}

const person = fc
  .tuple(
    fc.constantFrom('user_id', 'anonymous_id', 'email', 'crm_id', 'USER_ID', ''),
    fc.oneof(idText, emailText),
  )
  .map(([type, value]) => `${type}:${value}`);

/** People of whom something is taken away are only these, which no event names: others must be found in the end. */
const outsider = fc.integer({ min: 0, max: 9 }).map((n) => `crm_id:outsider${n}`);

const tactic = fc.oneof(
  fc.constantFrom('clearance_welcome', 'category_picks', 'third_look', 'cart_reminder'),
  anyText,
);
const decide = fc.record(
  {
    person: mostly(
      fc.oneof(
        fc.integer({ min: 0, max: 40 }).map((n) => `user_id:u${n}`),
        person,
      ),
      20,
    ),
    placement: mostly(fc.constantFrom('home_hero', 'product_page', 'cart', ''), 8),
    candidates: mostly(fc.array(mostly(tactic), { maxLength: 5 }) as fc.Arbitrary<Json>),
    context: mostly(anyObject),
  },
  { requiredKeys: [] },
);
const operation = fc.record(
  {
    from: mostly(outsider, 20),
    to: mostly(outsider, 20),
    person: mostly(outsider, 20),
    reason: mostly(anyText, 8),
    placement: fc.constant('cart'),
  },
  { requiredKeys: ['from', 'to', 'person'] },
);

const queryNames = [
  'limit',
  'cursor',
  'from',
  'to',
  'type',
  'event',
  'segment',
  'at',
  'since',
  'after',
  'source',
  'code',
  'data',
  'writeKey',
];
const queryValue = fc.oneof(
  anyText,
  anyNumber.map(String),
  instantText.map(String),
  fc.constantFrom(
    '0',
    '1',
    '500',
    '501',
    '1000',
    '1001',
    '-1',
    '1e9',
    '0x10',
    'cart_left',
    'track',
    'Product Viewed',
    '"',
    '\u0000',
  ),
);

const anyRoute = fc.record({
  route: fc.nat(10_000),
  segment: fc.oneof(
    { weight: 6, arbitrary: person },
    anyText,
    fc.constantFrom('p_0', 'track', '1', 'propensity', '0-0'),
  ),
  query: fc.dictionary(
    fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...queryNames) }, anyText),
    queryValue,
    {
      maxKeys: 3,
    },
  ),
  body: fc.oneof<fc.Arbitrary<Json | undefined>[]>(
    decide as fc.Arbitrary<Json>,
    operation as fc.Arbitrary<Json>,
    anyJson,
    fc.constant(undefined),
  ),
  noise: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    fc.constantFrom(
      '',
      '{',
      'null',
      '[]',
      '"x"',
      `${'['.repeat(20_000)}`,
      `{"person":"${'x'.repeat(1_100_000)}"}`,
    ),
  ),
});

/** What websites ask most, as they ask it: goals count only for those about whom something was decided. */
const honestDecision: fc.Arbitrary<ApiCall> = fc.record({
  route: fc.constant('/v1/decide'),
  segment: fc.constant(''),
  query: fc.constant({}),
  body: fc.record({
    person: fc.integer({ min: 0, max: 15 }).map((n) => `user_id:u${n}`),
    placement: fc.constantFrom('cart', 'home_hero', 'product_page'),
  }),
  noise: fc.constant(undefined),
});

const apiCall: fc.Arbitrary<ApiCall> = fc.oneof(
  { weight: 3, arbitrary: anyRoute },
  { weight: 1, arbitrary: honestDecision },
);

/** Routes that take something away from those whom a body names. */
const takes = /\/(forget|erase|split|unlink)$/;

/** The body with nobody in it but outsiders. */
function ofOutsiders(body: Json | undefined): Json | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const named = (value: Json): Json =>
    typeof value === 'string' && !/^crm_id:outsider\d$/.test(value) ? 'crm_id:outsider0' : value;
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      key,
      ['person', 'from', 'to'].includes(key) ? named(value as Json) : (value as Json),
    ]),
  );
}

interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  readonly path: string;
}
/** What cannot be tried at will: it changes what the other doors need, or reads everything. */
const rare = /^\/v1\/(export\/events|digest)$/;
const left = /\/(unload|load)$/;
let known: { readonly of: string; readonly routes: readonly Route[] } | undefined;

async function routesOf(target: Target): Promise<readonly Route[]> {
  if (known?.of === target.httpUrl) return known.routes;
  const response = await fetch(`${target.httpUrl}/openapi.json`);
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase() as Route['method'], path })),
  );
  known = { of: target.httpUrl, routes: routes.filter(({ path }) => !left.test(path)) };
  return known.routes;
}

/** Answers that say 503 about something else than themselves. */
const tellsOfOthers = /\/(readyz|ready)$/;

/** Every route of /openapi.json with a good token: people, decisions, segments, operations. */
export const apiDoor: Door<ApiCall> = {
  name: 'api',
  lanes: 3,
  feedsTheLog: false,
  inputs: apiCall,
  show: (input) =>
    `route ${input.route} of /openapi.json, ${JSON.stringify(input.segment)} ${JSON.stringify(input.query)} ${(input.noise ?? writeJson(input.body)).slice(0, 800)}`,
  async send(input, target) {
    const routes = await routesOf(target);
    const route =
      typeof input.route === 'string'
        ? routes.find(({ path }) => path === input.route)
        : routes[input.route % routes.length];
    if (route === undefined) throw new Error('expected routes in /openapi.json');
    if (rare.test(route.path) && Number(input.route) % 20 !== 0) return undefined;
    const path = route.path.replace(/\{[^}]+\}/g, () => encodeURIComponent(wellFormed(input.segment)));
    const query = new URLSearchParams({ ...input.query }).toString();
    const url = `${target.httpUrl}${path}${query === '' ? '' : `?${query}`}`;
    const takesBody = route.method !== 'GET';
    const body = takes.test(route.path) ? ofOutsiders(input.body) : input.body;
    const answer = await call({
      method: route.method,
      url,
      headers: {
        authorization: `Bearer ${target.apiToken}`,
        ...(takesBody ? { 'content-type': 'application/json' } : {}),
      },
      ...(takesBody && (input.noise ?? body) !== undefined ? { body: input.noise ?? writeJson(body) } : {}),
    });
    const place = `${route.method} ${route.path}`;
    if (isFault(answer)) return { ...answer, place };
    target.count(`api ${answer.status}`);
    if (tellsOfOthers.test(route.path)) return undefined;
    const fault = serverFault(place, answer);
    if (fault !== undefined)
      return { ...fault, text: `${fault.text}\n${route.method} ${url.slice(0, 1_000)}` };
    // The front door answers by itself (`http`); the inference protocol has a form of its own.
    const isError = answer.status >= 400 && !route.path.startsWith('/v2');
    if (isError && !hasCode(answer.body))
      return {
        kind: 'no verdict',
        place: `${place} ${answer.status}`,
        text: `expected { error: { code } }; got ${answer.body.slice(0, 300)}`,
      };
    return undefined;
  },
};

const hasCode = (body: string): boolean =>
  typeof (parsed(body) as { error?: { code?: unknown } } | undefined)?.error?.code === 'string';

/** A URL cannot hold half of a character. */
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');
