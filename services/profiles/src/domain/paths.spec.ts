import { expect, it } from '@jest/globals';
import type { JsonValue } from '@rapport/contracts';
import { profileEvent, type EventParts } from '../fixtures/events.js';
import { compilePath } from './paths.js';

const track: EventParts = {
  event: 'E',
  properties: {
    price: 5,
    gone: null,
    page: { path: '/a' },
    products: [{ id: 'x', tags: ['s', 't'] }, { id: 'y' }, 7],
  },
  context: { page: { path: '/b' } },
};

it.each<[string, EventParts, readonly JsonValue[]]>([
  ['price', track, [5]],
  ['properties.price', track, [5]],
  ['page.path', track, ['/a']],
  ['context.page.path', track, ['/b']],
  ['products[].id', track, ['x', 'y']],
  ['products[].tags[]', track, ['s', 't']],
  ['products.id', track, []],
  ['price[].x', track, []],
  ['gone', track, []],
  ['missing.further', track, []],
  ['toString', track, []],
  ['plan', { type: 'identify', traits: { plan: 'gold' } }, ['gold']],
  ['traits.plan', { type: 'group', traits: { plan: 'gold' } }, ['gold']],
])('%s', (path, parts, expected) => {
  const found: JsonValue[] = [];
  compilePath(path)(profileEvent(parts), found);
  expect(found).toEqual(expected);
});
