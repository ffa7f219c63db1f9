import { describe, expect, it } from '@jest/globals';
import { RapportError } from '@rapport/kernel';
import { ajvTrackingPlan } from './ajv-tracking-plan.js';

const plan = ajvTrackingPlan([
  {
    event: 'Order Completed',
    properties: {
      required: ['order_id'],
      properties: {
        order_id: { type: 'string' },
        total: { type: 'number', minimum: 0 },
        currency: { enum: ['EUR', 'GBP'] },
        products: { type: 'array', items: { type: 'object', properties: { price: { type: 'number' } } } },
        placed_on: { type: 'string', format: 'date' },
      },
    },
  },
]);

describe('the tracking plan', () => {
  it('has nothing against events that keep it or that it does not name', () => {
    expect(plan.violationOf('Order Completed', { order_id: 'o1', total: 7, extra: true })).toBeUndefined();
    expect(plan.violationOf('Anything', { total: 'seven' })).toBeUndefined();
  });

  it.each([
    [{ total: 7 }, 'Order Completed: properties.order_id: expected by the tracking plan; it is missing'],
    [undefined, 'Order Completed: properties.order_id: expected by the tracking plan; it is missing'],
    [{ order_id: 'o', total: 'seven' }, 'Order Completed: properties.total: expected number'],
    [
      { order_id: 'o', total: -1 },
      'Order Completed: properties.total: expected what the tracking plan says: it must be >= 0',
    ],
    [
      { order_id: 'o', currency: 'USD' },
      'Order Completed: properties.currency: expected one of ["EUR","GBP"]',
    ],
    [
      { order_id: 'o', products: [{ price: 1 }, { price: '1' }] },
      'Order Completed: properties.products.1.price: expected number',
    ],
    [
      { order_id: 'o', placed_on: 'today' },
      'Order Completed: properties.placed_on: expected what the tracking plan says: it must match format "date"',
    ],
  ])('names path and expectation for %j', (properties, violation) => {
    expect(plan.violationOf('Order Completed', properties)).toBe(violation);
  });

  it('refuses to start with a schema that does not compile, and names it', () => {
    const broken = () => ajvTrackingPlan([{ event: 'Broken', properties: { type: 'objekt' } }]);
    expect(broken).toThrow(RapportError);
    expect(broken).toThrow(/"Broken"/);
  });
});
