import { readMillionths, toNumber } from './decimal.js';
import type { ImportEvent, ImportUnit } from './import-format.js';

/** The columns of the file, in its order. */
export const onlineRetailColumns = [
  'InvoiceNo',
  'StockCode',
  'Description',
  'Quantity',
  'InvoiceDate',
  'UnitPrice',
  'CustomerID',
  'Country',
] as const;

/** Why a line becomes nothing. */
export const refusalReasons = {
  columns: 'not eight columns',
  invoice: 'no invoice number',
  quantity: 'quantity is not a whole number',
  price: 'unit price is not a decimal number',
  date: 'invoice date is not written 2010-12-01 08:26:00',
  customer: 'customer is not a whole number',
  adjustment: 'bookkeeping: the invoice number begins with A (bad debt)',
  correction: 'stock correction: a negative quantity on an invoice that is no cancellation',
  movement: 'stock movement: no customer, and no price on the whole invoice',
} as const;

/** A line that can be read. */
export interface InvoiceLine {
  readonly line: number;
  readonly invoice: string;
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: bigint;
  readonly price: bigint;
  /** Milliseconds; the file names no time zone, so its times are read as UTC. */
  readonly at: number;
  /** Digits only; empty where nobody is named. */
  readonly customer: string;
  readonly country: string;
}

/** Reads one row, or says why it cannot be read. */
export function readInvoiceLine(
  row: readonly string[],
  line: number,
): InvoiceLine | keyof typeof refusalReasons {
  const [invoice, stockCode, description, quantityText, dateText, priceText, customerText, country] = row;
  if (row.length !== onlineRetailColumns.length) return 'columns';
  if (invoice === undefined || invoice === '') return 'invoice';
  if (!/^-?\d{1,12}$/.test(quantityText ?? '')) return 'quantity';
  const price = readMillionths(priceText ?? '');
  if (price === undefined) return 'price';
  // The seconds may be missing in other editions of the file.
  const date = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})(?::(\d{2}))?$/.exec(dateText ?? '');
  const at = date === null ? NaN : Date.parse(`${date[1]}T${date[2]}:${date[3] ?? '00'}.000Z`);
  if (Number.isNaN(at)) return 'date';
  // The number went through a spreadsheet: 17850.0.
  const customer = /^(\d*)(?:\.0)?$/.exec(customerText ?? '');
  if (customer === null) return 'customer';
  return {
    line,
    invoice,
    stockCode: stockCode ?? '',
    description: (description ?? '').trim(),
    quantity: BigInt(quantityText ?? '0'),
    price,
    at,
    customer: customer[1] ?? '',
    country: country ?? '',
  };
}

/**
 * What the lines of one invoice become: one event per customer named on it (the real file never names two), and
 * refusals by reason. The earliest of its times is the event's: 43 invoices were keyed in over two minutes.
 */
export function unitsOfInvoice(lines: readonly InvoiceLine[]): ImportUnit[] {
  const units: ImportUnit[] = [];
  const refuse = (reason: keyof typeof refusalReasons, refused: readonly InvoiceLine[]): void => {
    const [first] = refused;
    if (first !== undefined)
      units.push({
        kind: 'refused',
        reason: refusalReasons[reason],
        lines: refused.length,
        firstLine: first.line,
      });
  };
  for (const ofCustomer of byCustomer(lines)) {
    const [first] = ofCustomer;
    if (first === undefined) continue;
    if (first.invoice.startsWith('A')) {
      refuse('adjustment', ofCustomer);
      continue;
    }
    const cancelled = first.invoice.startsWith('C');
    refuse(
      'correction',
      ofCustomer.filter((line) => !cancelled && line.quantity < 0n),
    );
    const sold = ofCustomer.filter((line) => cancelled || line.quantity >= 0n);
    const [firstSold] = sold;
    if (firstSold === undefined) continue;
    if (first.customer === '' && sold.every((line) => line.price === 0n)) {
      refuse('movement', sold);
      continue;
    }
    const event = cancelled ? orderRefunded(sold) : orderCompleted(sold);
    units.push({
      kind: 'event',
      event,
      name: cancelled ? 'Order Refunded' : 'Order Completed',
      lines: sold.length,
      firstLine: firstSold.line,
    });
  }
  return units;
}

function byCustomer(lines: readonly InvoiceLine[]): InvoiceLine[][] {
  const groups = new Map<string, InvoiceLine[]>();
  for (const line of lines) {
    const group = groups.get(line.customer);
    if (group === undefined) groups.set(line.customer, [line]);
    else group.push(line);
  }
  return [...groups.values()];
}

function orderCompleted(lines: readonly InvoiceLine[]): ImportEvent {
  const revenue = lines.reduce((sum, line) => sum + line.quantity * line.price, 0n);
  return eventOf('Order Completed', lines, { revenue: toNumber(revenue), total: toNumber(revenue) }, 1n);
}

/** In the file a cancellation has negative quantities; the event says how many came back and what was paid back. */
function orderRefunded(lines: readonly InvoiceLine[]): ImportEvent {
  const refunded = lines.reduce((sum, line) => sum - line.quantity * line.price, 0n);
  return eventOf('Order Refunded', lines, { total: toNumber(refunded) }, -1n);
}

function eventOf(
  event: string,
  lines: readonly InvoiceLine[],
  amounts: Readonly<Record<string, number>>,
  sign: bigint,
): ImportEvent {
  const { invoice, customer, country } = lines[0] ?? { invoice: '', customer: '', country: '' };
  const at = lines.reduce((earliest, line) => Math.min(earliest, line.at), Infinity);
  return {
    type: 'track',
    event,
    messageId: `online-retail:${invoice}`,
    ...(customer === '' ? { anonymousId: `invoice-${invoice}` } : { userId: customer }),
    timestamp: new Date(at).toISOString(),
    context: { location: { country } },
    properties: {
      order_id: invoice,
      ...amounts,
      currency: 'GBP',
      products: lines.map((line) => ({
        product_id: line.stockCode,
        ...(line.description === '' ? {} : { name: line.description }),
        quantity: Number(sign * line.quantity),
        price: toNumber(line.price),
      })),
    },
  };
}
