import { describe, expect, it } from '@jest/globals';
import type { EventUnit, ImportUnit } from './import-format.js';
import { readInvoiceLine, refusalReasons, unitsOfInvoice, type InvoiceLine } from './online-retail.js';

function line(
  fields: {
    invoice?: string;
    code?: string;
    name?: string;
    quantity?: string;
    at?: string;
    price?: string;
    customer?: string;
  },
  number = 1,
): InvoiceLine {
  const {
    invoice = '536365',
    code = '85123A',
    name = 'LIGHT',
    quantity = '1',
    at = '2010-12-01 08:26:00',
    price = '2.55',
    customer = '17850.0',
  } = fields;
  const read = readInvoiceLine([invoice, code, name, quantity, at, price, customer, 'France'], number);
  if (typeof read === 'string') throw new Error(`refused: ${read}`);
  return read;
}

const eventIn = (units: readonly ImportUnit[]): EventUnit => {
  const event = units.find((unit) => unit.kind === 'event');
  if (event === undefined) throw new Error('expected an event');
  return event;
};
const refusals = (units: readonly ImportUnit[]): [string, number][] =>
  units.flatMap((unit) => (unit.kind === 'refused' ? [[unit.reason, unit.lines] as [string, number]] : []));

describe('a line of the file', () => {
  it('is refused with the reason where it cannot be read', () => {
    const row = ['536365', '85123A', 'LIGHT', '6', '2010-12-01 08:26:00', '2.55', '17850.0', 'France'];
    const wrong = (at: number, text: string): unknown => readInvoiceLine(row.with(at, text), 1);
    expect(readInvoiceLine(row.slice(1), 1)).toBe('columns');
    expect(wrong(0, '')).toBe('invoice');
    expect(wrong(3, '1.5')).toBe('quantity');
    expect(wrong(4, '1/12/2010')).toBe('date');
    expect(wrong(4, '2010-13-01 08:26:00')).toBe('date');
    expect(wrong(5, '2,55')).toBe('price');
    expect(wrong(6, '17850.5')).toBe('customer');
    expect(wrong(6, '')).toMatchObject({ customer: '' });
  });
});

describe('an invoice', () => {
  it('becomes one Order Completed of its customer, in UTC, with an exact revenue and the earliest time', () => {
    const lines = [
      line({ quantity: '3', price: '0.1', at: '2010-12-01 08:27:00' }, 7),
      line({ code: '22', name: '', quantity: '3', price: '0.2', at: '2010-12-01 08:26:00' }, 8),
    ];
    expect(unitsOfInvoice(lines)).toEqual([
      {
        kind: 'event',
        name: 'Order Completed',
        lines: 2,
        firstLine: 7,
        event: {
          type: 'track',
          event: 'Order Completed',
          messageId: 'online-retail:536365',
          userId: '17850',
          timestamp: '2010-12-01T08:26:00.000Z',
          context: { location: { country: 'France' } },
          properties: {
            order_id: '536365',
            revenue: 0.9,
            total: 0.9,
            currency: 'GBP',
            products: [
              { product_id: '85123A', name: 'LIGHT', quantity: 3, price: 0.1 },
              { product_id: '22', quantity: 3, price: 0.2 },
            ],
          },
        },
      },
    ]);
  });

  it('without a customer belongs to an anonymous person of its own', () => {
    const { event } = eventIn(unitsOfInvoice([line({ customer: '' })]));
    expect(event).toMatchObject({ anonymousId: 'invoice-536365' });
    expect(event).not.toHaveProperty('userId');
  });

  it('that begins with C becomes an Order Refunded with positive amounts', () => {
    const { event, name } = eventIn(
      unitsOfInvoice([line({ invoice: 'C536379', quantity: '-2', price: '27.5' })]),
    );
    expect(name).toBe('Order Refunded');
    expect(event).toMatchObject({
      properties: { order_id: 'C536379', total: 55, products: [{ quantity: 2, price: 27.5 }] },
    });
    expect(event['properties']).not.toHaveProperty('revenue');
  });

  it('keeps what a known customer got for nothing, and doubled lines', () => {
    const unit = eventIn(unitsOfInvoice([line({ price: '0' }), line({ price: '0' })]));
    expect(unit.lines).toBe(2);
    expect(unit.event).toMatchObject({ userId: '17850', properties: { revenue: 0 } });
  });

  it('is refused, by line, for what is no sale', () => {
    expect(
      refusals(unitsOfInvoice([line({ invoice: 'A563186', price: '-11062.06', customer: '' })])),
    ).toEqual([[refusalReasons.adjustment, 1]]);
    expect(refusals(unitsOfInvoice([line({ quantity: '-9', price: '0', customer: '' })]))).toEqual([
      [refusalReasons.correction, 1],
    ]);
    expect(
      refusals(unitsOfInvoice([line({ price: '0', customer: '' }), line({ price: '0', customer: '' })])),
    ).toEqual([[refusalReasons.movement, 2]]);
    const mixed = unitsOfInvoice([
      line({ customer: '', price: '0' }, 1),
      line({ customer: '', price: '1' }, 2),
      line({ customer: '', quantity: '-1' }, 3),
    ]);
    expect(eventIn(mixed).lines).toBe(2);
    expect(refusals(mixed)).toEqual([[refusalReasons.correction, 1]]);
  });

  it('that names two customers becomes an event of each', () => {
    const units = unitsOfInvoice([
      line({ customer: '1' }, 1),
      line({ customer: '2' }, 2),
      line({ customer: '1' }, 3),
    ]);
    expect(
      units.map((unit) => (unit.kind === 'event' ? [unit.event['userId'], unit.lines, unit.firstLine] : [])),
    ).toEqual([
      ['1', 2, 1],
      ['2', 1, 2],
    ]);
  });
});
