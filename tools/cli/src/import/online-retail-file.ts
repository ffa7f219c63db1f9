import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { RapportError } from '@rapport/kernel';
import type { ImportFormat, ImportUnit } from './import-format.js';
import {
  onlineRetailColumns,
  readInvoiceLine,
  refusalReasons,
  unitsOfInvoice,
  type InvoiceLine,
} from './online-retail.js';
import { chunksOf, digestOf } from './read-lines.js';

/**
 * UCI Online Retail: invoice lines as CSV, also gzipped. Read twice: first to count each invoice's lines, then to emit
 * an invoice as soon as its last line came. So an invoice whose lines lie apart (542806 is one) is still one event,
 * and only open invoices are in memory.
 */
export const onlineRetail: ImportFormat = {
  name: 'online-retail',
  async open(path) {
    const digest = await digestOf(path);
    const linesOf = new Map<string, number>();
    let lines = 0;
    for await (const row of rowsOf(path)) {
      lines++;
      linesOf.set(row[0] ?? '', (linesOf.get(row[0] ?? '') ?? 0) + 1);
    }
    return { scan: { digest, lines }, units: () => readUnits(path, linesOf) };
  },
};

async function* readUnits(path: string, linesOf: ReadonlyMap<string, number>): AsyncIterable<ImportUnit> {
  const open = new Map<string, { lines: InvoiceLine[]; missing: number }>();
  let line = 0;
  for await (const row of rowsOf(path)) {
    line++;
    const invoice = row[0] ?? '';
    let held = open.get(invoice);
    if (held === undefined) open.set(invoice, (held = { lines: [], missing: linesOf.get(invoice) ?? 0 }));
    held.missing--;
    const read = readInvoiceLine(row, line);
    if (typeof read === 'string')
      yield { kind: 'refused', reason: refusalReasons[read], lines: 1, firstLine: line };
    else held.lines.push(read);
    if (held.missing > 0) continue;
    open.delete(invoice);
    yield* unitsOfInvoice(held.lines);
  }
  if (open.size > 0)
    throw new RapportError(
      'IMPORT_FILE_CHANGED',
      'conflict',
      `${path} changed while it was read; start again`,
    );
}

async function* rowsOf(path: string): AsyncIterable<string[]> {
  const source = Readable.from(chunksOf(path), { objectMode: false });
  const rows = parse({
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  });
  source.on('error', (error) => rows.destroy(error));
  source.pipe(rows);
  let heading = true;
  try {
    for await (const row of rows as AsyncIterable<string[]>) {
      if (!heading) yield row;
      else if (row.join() !== onlineRetailColumns.join()) {
        throw new RapportError(
          'IMPORT_FILE_HEADING',
          'invalid',
          `${path}: expected the columns ${onlineRetailColumns.join(', ')}; came ${row.slice(0, 12).join(', ').slice(0, 200)}. Is this the format online-retail?`,
        );
      }
      heading = false;
    }
  } finally {
    source.destroy();
  }
}
